"""What happens to the two stores, one thing after the other, and which alerts must tell of it.

An episode ends when its alerts have arrived at the webhook, or when they should have long since. That an alert ends is
looked at in the end: some take a while, and the next episode need not wait for them.
"""

import shutil
import signal
import time
from dataclasses import dataclass, field

from . import sharing, stores
from .lab import CAPPED, ORDERS, SHOP
from .processes import DrillError, wait_for
from .stores import text

PATIENCE = 60
# So much of each situation is looked at, at least.
LEAST = 8


@dataclass
class Alert:
    """One that must fire, and end before the drill does."""
    name: str
    labels: dict
    # What of the text must be there.
    words: list
    since: float = 0.0
    firing: dict = None
    resolved: dict = None


@dataclass
class Episode:
    name: str
    what: str
    start: float = 0.0
    end: float = 0.0
    alerts: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    failures: list = field(default_factory=list)


class Drill:
    def __init__(self, lab, say):
        self.lab, self.say = lab, say
        self.episodes, self.began = [], time.time()

    def run(self):
        for step in (self.healthy, self.backlog, self.recovering, self.stuck, self.failing, self.blocked, self.stale,
                     self.database_down, self.exporter_down, self.recovered):
            what = step.__doc__.strip()
            episode = Episode(step.__name__.replace("_", " "), what, time.time())
            self.episodes.append(episode)
            self.say(f"{episode.start - self.began:5.0f} s  {episode.name}: {what.splitlines()[0]}")
            try:
                step(episode)
            except DrillError as error:
                episode.failures.append(str(error))
                self.say(f"         {error}")
            self.stay(episode)
            episode.end = time.time()

    def stay(self, episode):
        """Until Prometheus has seen enough of it."""
        self.wait(f"{LEAST} scrapes of the episode {episode.name}", lambda: time.time() - episode.start >= LEAST)

    def wait(self, what, condition, seconds=PATIENCE):
        must_run = [self.lab.prometheus, self.lab.alertmanager, self.lab.collector]
        return wait_for(what, condition, seconds, 0.3, alive=must_run)

    def expect(self, episode, name, *words, **labels):
        """That somebody is told of an alert, and of its end later."""
        episode.alerts.append(Alert(name, labels, list(words), since=time.time()))

    def wait_for_alerts(self, episode, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        for alert in episode.alerts:
            def arrived(alert=alert):
                alert.firing = self.lab.webhook.told("firing", alert.name, alert.since, **alert.labels)
                return alert.firing
            try:
                self.wait(f"alert {alert.name} {alert.labels} at the webhook", arrived, max(1, deadline - time.monotonic()))
            except DrillError as error:
                episode.failures.append(str(error))

    # The episodes.

    def healthy(self, episode):
        """orders and instances come and go; nobody is paged"""
        api = self.lab.api
        for store in (ORDERS, SHOP, CAPPED):
            self.wait(f"executions of {store} to be counted as they end", lambda: (api.value(
                f'sum(rate(duroxide_executions_finished_total{{store="{store}", outcome="completed", job!="otlp"}}[10s]))') or 0) > 0)
        self.wait("twenty scrapes", lambda: (api.value("min(count_over_time(up[2m]))") or 0) >= 20)
        paged = [alert["labels"]["alertname"] for alert in api.alerts() if alert["labels"].get("severity") == "critical"]
        if paged:
            raise DrillError(f"critical alerts although all is well: {paged}")

    def backlog(self, episode):
        """the payment provider of the SQLite shop is slow; all workers on Postgres are killed"""
        self.lab.orders_demo.kill()
        # Orders still come in: from elsewhere.
        self.lab.orders.do(*(self.lab.orders.start(f"late-order-{number}", "ProcessOrder", "2.0.0", stores.empty_basket(number))
                             for number in range(60)))
        self.expect(episode, "DuroxideBacklogAge", SHOP, store=SHOP)
        self.expect(episode, "DuroxideQueueStalled", ORDERS, store=ORDERS, queue="orchestrator")
        self.expect(episode, "DuroxideDrainTooSlow", ORDERS, store=ORDERS)
        self.expect(episode, "DuroxideExpiredLeases", ORDERS, store=ORDERS)
        episode.notes += sharing.at_rest(self.lab, self.wait)
        self.wait_for_alerts(episode, 90)
        self.lab.orders_demo.start()

    def recovering(self, episode):
        """workers are back on Postgres, and work off what has piled up"""
        self.wait("the backlog on Postgres to be worked off", lambda: (self.lab.api.value(
            f'max(duroxide_queue_oldest_ready_age_seconds{{store="{ORDERS}"}})') or 99) < 3, 60)

    def stuck(self, episode):
        """messages get lost: somebody deleted the timers of sleeping instances; a tag has no worker"""
        lost = {}
        for store in (self.lab.orders, self.lab.shop):
            lost[store] = store.lose_messages("subscription-07")
            self.expect(episode, "DuroxideInstancesStuck", store.name, "RenewSubscription", store=store.name,
                        orchestration="RenewSubscription")
        shop = self.lab.shop
        shop.do("insert into worker_queue (work_item, visible_at, created_at, instance_id, execution_id, activity_id, tag) values ("
                + """'{"ActivityExecute":{"instance":"subscription-08","execution_id":1,"id":90,"name":"EngraveGift","input":"x","tag":"engraver"}}', """
                + f"{shop.now()}, datetime('now'), 'subscription-08', 1, 90, 'engraver')")
        self.expect(episode, "DuroxideTagUnserved", "engraver", store=SHOP, tag="engraver")
        self.wait_for_alerts(episode)
        shop.do("delete from worker_queue where tag = 'engraver'")
        for store, statements in lost.items():
            store.do(*statements)

    def failing(self, episode):
        """a release goes wrong: most new orders fail, some ask for a workflow that is not there any more"""
        for store in (self.lab.orders, self.lab.shop):
            store.do(*(store.start(f"empty-order-{number}", "ProcessOrder", "2.0.0", stores.empty_basket(number))
                       for number in range(60)))
            store.do(*(store.start(f"old-import-{number}", "ImportLegacyOrder", "1.0.0", number) for number in range(25)))
        self.expect(episode, "DuroxideFailureRatio", ORDERS, "ProcessOrder", store=ORDERS, orchestration="ProcessOrder")
        self.expect(episode, "DuroxideRetryStorm", ORDERS, store=ORDERS, queue="orchestrator")
        self.expect(episode, "DuroxideMessageNearPoison", ORDERS, store=ORDERS, queue="orchestrator")
        self.expect(episode, "DuroxidePoisonedExecutions", ORDERS, store=ORDERS)
        self.wait_for_alerts(episode)

    def blocked(self, episode):
        """a message for nobody stands at the head of the SQLite store's queue, an unreadable one at that of its workers"""
        shop = self.lab.shop
        shop.do(
            "insert into worker_queue (work_item, visible_at, created_at) values "
            f"('this is no JSON', {shop.now()}, datetime('now'))",
            shop.send({"CancelInstance": {"instance": "nobody", "reason": "drill"}}))
        self.expect(episode, "DuroxideUndecodableMessage", SHOP, store=SHOP, queue="worker")
        self.expect(episode, "DuroxideOrphanBlocksStore", SHOP, store=SHOP)
        self.wait_for_alerts(episode)
        shop.do("delete from worker_queue where work_item = 'this is no JSON'",
                "delete from orchestrator_queue where instance_id = 'nobody'")

    def stale(self, episode):
        """replay is paused on the standby; somebody edits the SQLite store; state files and pushes fail"""
        self.lab.pair.pause_replay()
        self.expect(episode, "DuroxideReplicaLag", ORDERS, store=ORDERS)
        self.expect(episode, "DuroxideReplayPaused", ORDERS, store=ORDERS)
        shop, state = self.lab.shop, self.lab.state
        # The exporter runs as whoever runs the drill, root included, whom no permission stops: its directory is gone.
        shutil.move(state, state.with_name("elsewhere"))
        self.expect(episode, "DuroxideStateWriteFailures", SHOP, store=SHOP)
        self.lab.tell_collector("partial")
        self.expect(episode, "DuroxideOtlpItemsRejected", "metrics", signal="metrics")
        shop.do("update instances set orchestration_name = 'EditedByHand' where instance_id = 'subscription-20'")
        self.expect(episode, "DuroxideCensusMismatch", SHOP, store=SHOP)
        self.wait_for_alerts(episode)
        shutil.move(state.with_name("elsewhere"), state)
        self.lab.pair.resume_replay()

    def database_down(self, episode):
        """the primary of Postgres is stopped, then its standby, too; the collector takes no pushes"""
        self.lab.tell_collector("hang?seconds=25")
        self.expect(episode, "DuroxideOtlpExportsFailing", "metrics", signal="metrics")
        self.lab.pair.primary.stop()
        self.expect(episode, "DuroxideReceiverDown", ORDERS, store=ORDERS)
        self.wait_for_alerts(episode)
        self.lab.pair.standby.stop()
        self.expect(episode, "DuroxideStoreDown", ORDERS, store=ORDERS)
        self.wait_for_alerts(episode)
        self.lab.pair.primary.start_again(self.lab.processes, "primary")
        self.lab.pair.standby.start_again(self.lab.processes, "standby")

    def exporter_down(self, episode):
        """one exporter is killed, another one hangs while histories that it has not read are deleted"""
        hanging, shop = self.lab.exporters["capped"], self.lab.shop
        self.lab.exporters["shop"].kill()
        hanging.signal(signal.SIGSTOP)
        last = shop.number("select max(rowid) from history")
        self.expect(episode, "DuroxideExporterDown", self.lab.address("shop"), instance=self.lab.address("shop"))
        self.expect(episode, "DuroxideStoreUnwatched", SHOP, store=SHOP)
        ended = f"select instance_id from history where rowid > {last} and event_type = 'OrchestrationCompleted'"
        begun = f"select instance_id from history where rowid > {last} and event_type = 'OrchestrationStarted'"
        victims = self.wait("executions to begin and end unseen", lambda: shop.rows(
            f"{ended} and instance_id in ({begun}) and instance_id like '%::sub::%' limit 3"))
        for [instance] in victims:
            shop.do(*(f"delete from {table} where instance_id = {text(instance)}" for table in ("history", "executions", "instances")))
        self.wait_for_alerts(episode)
        hanging.signal(signal.SIGCONT)
        self.expect(episode, "DuroxideHistoryMissed", CAPPED, store=CAPPED)
        self.lab.exporters["shop"].start()
        self.wait_for_alerts(episode)

    def recovered(self, episode):
        """all is well again, and everybody who was paged is told so"""
        for earlier in self.episodes[:-1]:
            for alert in earlier.alerts:
                if not alert.firing:
                    continue

                def ended(alert=alert):
                    alert.resolved = self.lab.webhook.told("resolved", alert.name, alert.firing["at"], **alert.labels)
                    return alert.resolved
                try:
                    self.wait(f"the end of alert {alert.name} {alert.labels} at the webhook", ended)
                except DrillError as error:
                    earlier.failures.append(str(error))
