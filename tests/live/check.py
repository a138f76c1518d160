"""What the drill itself reckons: variables as Grafana fills them in, and rules that run faster."""

import math
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from drill import dashboards, evaluate, rules, sharing  # noqa: E402


class Rules(unittest.TestCase):
    def test_every_duration_is_shorter(self):
        text = "interval: 30s\nfor: 5m\nkeep_firing_for: 1h\nexpr: rate(a[10m] offset 2h) + max_over_time(b[1h:5m])\n"
        self.assertEqual(rules.with_durations(text), "interval: 1s\nfor: 5s\nkeep_firing_for: 60s\n"
                         "expr: rate(a[10s] offset 120s) + max_over_time(b[60s:5s])\n")

    def test_a_range_holds_two_scrapes(self):
        self.assertEqual(rules.with_durations("rate(a[1m])"), "rate(a[4s])")

    def test_what_is_compared_with_seconds_is_shorter_and_nothing_else(self):
        for given, wanted in {
            "duroxide_snapshot_age_seconds > 300": "duroxide_snapshot_age_seconds > 5",
            'max by (store) (duroxide_timer_lateness_seconds_bucket{le="600"}) >= 60':
                'max by (store) (duroxide_timer_lateness_seconds_bucket{le="600"}) >= 1',
            "max by (queue) (\n  duroxide_queue_max_attempts\n    and on (store) instance_store:duroxide_view_age_seconds:sum < 300\n) >= 5":
                "max by (queue) (\n  duroxide_queue_max_attempts\n    and on (store) instance_store:duroxide_view_age_seconds:sum < 5\n) >= 5",
            'a:duroxide_age_seconds:max{queue!="timer"} > 1800': 'a:duroxide_age_seconds:max{queue!="timer"} > 30',
            "duroxide_history_backlog_events > 1000": "duroxide_history_backlog_events > 1000",
            "duroxide_up == 0": "duroxide_up == 0",
        }.items():
            self.assertEqual(rules.with_thresholds(given), wanted)

    def test_a_file_keeps_its_texts(self):
        text = ("groups:\n  - name: a\n    rules:\n      - alert: A\n        expr: duroxide_age_seconds > 120\n        for: 2m\n"
                "        annotations:\n          description: more than > 120 seconds\n")
        self.assertEqual(rules.transformed(text), text.replace("_seconds > 120", "_seconds > 2").replace("for: 2m", "for: 2s"))


class Variables(unittest.TestCase):
    def test_values_are_filled_in_as_grafana_does(self):
        values = {"job": ".+", "store": ["a.b"], "queue": ["x", "y"], "__rate_interval": "4s"}
        self.assertEqual(dashboards.filled('{job=~"$job", store=~"${store}", queue=~"$queue"}[$__rate_interval]', values),
                         '{job=~".+", store=~"a\\\\.b", queue=~"(x|y)"}[4s]')
        self.assertEqual(dashboards.filled("${queue:pipe} ${queue:csv}", values), "x|y x,y")
        with self.assertRaises(KeyError):
            dashboards.filled("$jobb", values)

    def test_the_rate_interval_holds_four_scrapes(self):
        self.assertEqual(dashboards.built_in(0, 60, 2, 1)["__rate_interval"], "4s")
        self.assertEqual(dashboards.built_in(0, 60, 15, 1)["__rate_interval"], "16s")


class Judgement(unittest.TestCase):
    def test_nothing_and_nan_are_no_values(self):
        self.assertEqual([evaluate.judge(numbers).state for numbers in ([], [math.nan], [math.nan, 0.0])], ["empty", "nan", "ok"])

    def test_an_error_counts_even_if_it_worked_otherwise(self):
        result = evaluate.Result(None, {"a": evaluate.Outcome("ok"), "b": evaluate.Outcome("error", "why")})
        self.assertEqual(result.verdict, "error")

    def test_selectors_of_an_expression(self):
        self.assertEqual(
            evaluate.selectors('max by (store, job_name) (rate(duroxide_polls_total{reason=~"a|b_c"}[5m])) > 0 unless on (a_b) up'),
            ['duroxide_polls_total{reason=~"a|b_c"}', "up"])

    def test_series_of_each_exporter_are_not_compared(self):
        series = [({"store": "a", "job": "x"}, 1.0), ({"store": "a", "job": "y"}, 2.0), ({"instance": "1"}, 3.0), ({}, math.nan)]
        self.assertEqual(sharing.values_of(series), {(("store", "a"),): 2.0})


if __name__ == "__main__":
    unittest.main()
