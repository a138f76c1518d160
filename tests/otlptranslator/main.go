// Names of the catalogue as a Prometheus server makes them of what is pushed by OTLP: written by the library that the
// server and the collector use, and compared with the names of a scrape by tests/it/otlp_names.rs.
//
// Run by hand when a metric is added (Go is not needed to test):
//
//	cd tests/otlptranslator && go run . <../../docs/metrics.md >../golden/otlp_names.tsv
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/prometheus/otlptranslator"
)

var kinds = map[string]otlptranslator.MetricType{
	"gauge":     otlptranslator.MetricTypeGauge,
	"counter":   otlptranslator.MetricTypeMonotonicCounter,
	"histogram": otlptranslator.MetricTypeHistogram,
}

func main() {
	metrics := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	labels := otlptranslator.LabelNamer{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		// | `prometheus_name` | `otel.name` | kind | `unit` | `label`, `label` | help |
		cells := strings.Split(lines.Text(), " | ")
		if len(cells) < 6 {
			continue
		}
		kind, known := kinds[cells[2]]
		if !known {
			continue
		}
		name, unit := bare(cells[1]), bare(cells[3])
		translated, err := metrics.Build(otlptranslator.Metric{Name: name, Unit: unit, Type: kind})
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		var named []string
		for _, label := range strings.Split(bare(cells[4]), ", ") {
			if label == "" {
				continue
			}
			translated, err := labels.Build(label)
			if err != nil {
				log.Fatalf("%s: %s: %v", name, label, err)
			}
			named = append(named, label+"="+translated)
		}
		fmt.Printf("%s\t%s\t%s\t%s\t%s\n", name, unit, cells[2], translated, strings.Join(named, ","))
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func bare(cell string) string {
	return strings.TrimSpace(strings.ReplaceAll(cell, "`", ""))
}
