"""What the drill saw, for people."""

import re

MARKS = {"ok": "x", "empty": ".", "nan": "n", "error": "E"}


def shortened(text, length=100):
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= length else text[:length - 1] + "…"


class Report:
    def __init__(self):
        self.lines, self.problems = [], []

    def line(self, text=""):
        self.lines.append(text)

    def problem(self, text):
        self.problems.append(text)

    def episodes(self, episodes, began):
        self.line("Episodes")
        for episode in episodes:
            self.line(f"  {episode.start - began:5.0f} s .. {episode.end - began:4.0f} s  {episode.name}: "
                      + shortened(episode.what, 120))
            for note in episode.notes:
                self.line(f"                     {note}")
            for alert in episode.alerts:
                fired = f"told after {alert.firing['at'] - alert.since:.0f} s" if alert.firing else "NOT TOLD"
                ended = "its end NOT TOLD" if alert.ends else "its end not waited for"
                if alert.resolved:
                    ended = f"its end after {alert.resolved['at'] - alert.since:.0f} s"
                which = ", ".join(f"{key}={value}" for key, value in alert.labels.items())
                self.line(f"                     {alert.name} {{{which}}}: {fired}, {ended}")
            for failure in episode.failures:
                self.problem(f"episode {episode.name}: {failure}")

    def alert_texts(self, episodes):
        """The text that arrived is complete, and speaks of what happened."""
        self.line()
        self.line("Texts that arrived at the webhook")
        for alert in (alert for episode in episodes for alert in episode.alerts if alert.firing):
            annotations = alert.firing["annotations"]
            description = annotations.get("description", "")
            self.line(f"  {alert.firing['labels'].get('severity', 'NO SEVERITY'):8} {alert.name}: "
                      f"{annotations.get('summary', '')} | {shortened(description, 400)}")
            for name in ("summary", "description", "runbook_url", "dashboard_url"):
                value = annotations.get(name, "")
                if not value or "{{" in value or "<no value>" in value or "error expanding" in value:
                    self.problem(f"alert {alert.name}: its {name} is {value!r}")
            for word in alert.words:
                if word not in description:
                    self.problem(f"alert {alert.name}: its description does not tell {word!r}: {description!r}")
            if alert.firing["labels"].get("severity") not in ("critical", "warning", "info"):
                self.problem(f"alert {alert.name} has no severity")

    def queries(self, results, names, title, excused):
        """A table: which query gave values in which episode."""
        self.line()
        self.line(f"{title}: {len(results)} expressions (x values, . nothing, n only NaN, E an error)")
        self.line("  " + "  ".join(f"{number}={name}" for number, name in enumerate(names, 1)))
        where = None
        for result in results:
            query = result.query
            if query.dashboard != where:
                where = query.dashboard
                self.line(f"  {where}")
            marks = "".join(MARKS[result.episodes[name].state] for name in names)
            self.line(f"    {marks}  {query.panel} {query.ref}")
            reason = excused(query)
            if result.verdict == "ok":
                if reason:
                    self.problem(f"{query.dashboard} | {query.panel} | {query.ref}: is excused ({reason}) but gives values: "
                                 "strike it from the list")
            elif reason and result.verdict != "error":
                self.line(f"      excused: {reason}")
            else:
                told = f" {result.error}" if result.error else ""
                self.problem(f"{result.verdict.upper()}{told} | {query.dashboard} | {query.panel} | {query.ref} | "
                             + shortened(query.expression, 1000))

    def text(self):
        lines = list(self.lines)
        lines.append("")
        if self.problems:
            lines.append(f"{len(self.problems)} problems")
            lines += [f"  - {problem}" for problem in self.problems]
        else:
            lines.append("No problems.")
        return "\n".join(lines)
