"""What happens to the two stores, one thing after the other, and which alerts must tell of it.

An episode ends when its alerts have arrived at the webhook, or when they should have long since. That an alert ends is
looked at in the end: some take a while, and the next episode need not wait for them.
"""

import shutil
import signal
import time
from dataclasses import dataclass, field

from . import sharing, stores
from .lab import CAPPED, JOB, ORDERS, SHOP
from .processes import DrillError, wait_for
from .stores import text

# Much more than anything takes on two idle processors.
PATIENCE = 120
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
    # Whether its end is waited for: the demo has failures of its own, now more and now fewer.
    ends: bool = True
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
        # By store, when nobody worked on it and all exporters had seen that.
        self.resting = {}

    def run(self):
        for step in (self.healthy, self.backlog, self.failing, self.stuck, self.blocked, self.stale, self.database_down,
                     self.recovered):
            what = " ".join(step.__doc__.split())
            episode = Episode(step.__name__.replace("_", " "), what, time.time())
            self.episodes.append(episode)
            self.say(f"{episode.start - self.began:5.0f} s  {episode.name}: {what}")
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

    def expect(self, episode, name, *words, ends=True, **labels):
        """That somebody is told of an alert, and of its end later."""
        episode.alerts.append(Alert(name, labels, list(words), since=time.time(), ends=ends))

    def wait_for_alerts(self, episode, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        for alert in episode.alerts:
            def arrived(alert=alert):
                alert.firing = self.lab.webhook.firing(alert.name, **alert.labels)
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
                f'max(increase(duroxide_executions_finished_total{{store="{store}", outcome="completed", job="{JOB}"}}[30s]))') or 0) > 0)
        self.wait("twelve scrapes", lambda: (api.value("min(count_over_time(up[2m]))") or 0) >= 12)
        paged = [alert["labels"]["alertname"] for alert in api.alerts() if alert["labels"].get("severity") == "critical"]
        if paged:
            raise DrillError(f"critical alerts although all is well: {paged}")

    def backlog(self, episode):
        """all workers on Postgres are killed; the payment provider of the SQLite shop becomes slow"""
        self.kill_at_work()
        # Orders still come in: from elsewhere.
        self.lab.orders.do(*(self.lab.orders.start(f"late-order-{number}", "ProcessOrder", "2.0.0", stores.empty_basket(number))
                             for number in range(60)))
        self.expect(episode, "DuroxideQueueStalled", ORDERS, store=ORDERS, queue="orchestrator")
        self.expect(episode, "DuroxideDrainTooSlow", ORDERS, store=ORDERS)
        self.expect(episode, "DuroxideExpiredLeases", ORDERS, store=ORDERS)
        try:
            episode.notes += sharing.at_rest(self.lab, self.wait)
            self.wait_for_alerts(episode)
            self.resting[ORDERS] = time.time()
        finally:
            self.lab.orders_demo.start()

    def kill_at_work(self):
        """Kills the workers on Postgres while they hold leases: otherwise none would expire."""
        workers, orders = self.lab.orders_demo, self.lab.orders

        def at_work():
            workers.signal(signal.SIGSTOP)
            if orders.number(f"select count(*) from {orders.prefix}worker_queue where lock_token is not null"):
                return True
            workers.signal(signal.SIGCONT)
            return False
        self.wait("the workers on Postgres to hold leases", at_work)
        workers.kill()

    def failing(self, episode):
        """workers are back, but a release went wrong: most orders fail, some ask for a workflow that is not there any more"""
        for store in (self.lab.orders, self.lab.shop):
            store.do(*(store.start(f"empty-order-{number}", "ProcessOrder", "2.0.0", stores.empty_basket(number))
                       for number in range(20)))
        self.lab.orders.do(*(self.lab.orders.start(f"old-import-{number}", "ImportLegacyOrder", "1.0.0", number)
                             for number in range(25)))
        self.expect(episode, "DuroxideFailureRatio", ORDERS, "ProcessOrder", ends=False, store=ORDERS,
                    orchestration="ProcessOrder")
        self.expect(episode, "DuroxideRetryStorm", ORDERS, store=ORDERS, queue="orchestrator")
        self.expect(episode, "DuroxideBacklogAge", SHOP, store=SHOP, queue="worker")
        self.wait_for_alerts(episode)
        self.wait("the backlog on Postgres to be worked off", lambda: (self.lab.api.value(
            f'max(duroxide_queue_oldest_ready_age_seconds{{store="{ORDERS}"}})') or 0) < 3)

    def stuck(self, episode):
        """messages get lost: the timers of sleeping instances are deleted; a tag has no worker; an exporter hangs, and so
        does the collector"""
        self.lab.tell_collector("hang?seconds=22")
        self.expect(episode, "DuroxideOtlpExportsFailing", "metrics", signal="metrics")
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
        # What was given up as poison has been tried for half a minute.
        self.expect(episode, "DuroxidePoisonedExecutions", ORDERS, store=ORDERS, orchestration="ImportLegacyOrder")
        self.hide_history(episode)
        self.wait_for_alerts(episode)
        shop.do("delete from worker_queue where tag = 'engraver'")
        for store, statements in lost.items():
            store.do(*statements)

    def hide_history(self, episode):
        """An exporter hangs while executions begin, end and are deleted."""
        hanging, shop = self.lab.exporters["capped"], self.lab.shop
        hanging.signal(signal.SIGSTOP)
        last = shop.number("select max(rowid) from history")
        ended = f"select instance_id from history where rowid > {last} and event_type = 'OrchestrationFailed'"
        begun = f"select instance_id from history where rowid > {last} and event_type = 'OrchestrationStarted'"
        shop.do(*(shop.start(f"unseen-{number}", "ProcessOrder", "2.0.0", stores.empty_basket(number)) for number in range(3)))
        victims = self.wait("executions to begin and end unseen", lambda: shop.rows(
            f"{ended} and instance_id in ({begun}) and instance_id like 'unseen-%'"))
        for [instance] in victims:
            shop.do(*(f"delete from {table} where instance_id = {text(instance)}" for table in ("history", "executions", "instances")))
        hanging.signal(signal.SIGCONT)
        self.expect(episode, "DuroxideHistoryMissed", CAPPED, store=CAPPED)

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
        self.resting[SHOP] = time.time()
        shop.do("delete from worker_queue where work_item = 'this is no JSON'",
                "delete from orchestrator_queue where instance_id = 'nobody'")

    def stale(self, episode):
        """replay is paused on the standby; state files cannot be written; the collector takes a push in part"""
        self.lab.pair.pause_replay()
        self.expect(episode, "DuroxideReplicaLag", ORDERS, store=ORDERS)
        self.expect(episode, "DuroxideReplayPaused", ORDERS, store=ORDERS)
        state = self.lab.state
        # The exporter runs as whoever runs the drill, root included, whom no permission stops: its directory is gone.
        shutil.move(state, state.with_name("elsewhere"))
        self.expect(episode, "DuroxideStateWriteFailures", SHOP, store=SHOP)
        self.lab.tell_collector("partial")
        self.expect(episode, "DuroxideOtlpItemsRejected", "metrics", signal="metrics")
        self.wait_for_alerts(episode)
        shutil.move(state.with_name("elsewhere"), state)
        self.lab.pair.resume_replay()

    def database_down(self, episode):
        """the primary of Postgres is stopped, then its standby, too; the exporter of the SQLite store is killed"""
        self.lab.exporters["shop"].kill()
        self.lab.pair.primary.stop()
        self.expect(episode, "DuroxideExporterDown", self.lab.address("shop"), instance=self.lab.address("shop"))
        self.expect(episode, "DuroxideReceiverDown", ORDERS, store=ORDERS)
        self.wait_for_alerts(episode)
        self.lab.pair.standby.stop()
        self.expect(episode, "DuroxideStoreDown", ORDERS, store=ORDERS)
        self.expect(episode, "DuroxideStoreUnwatched", SHOP, store=SHOP)
        self.wait_for_alerts(episode)
        self.lab.exporters["shop"].start()
        self.lab.pair.primary.start_again(self.lab.processes, "primary")
        self.lab.pair.standby.start_again(self.lab.processes, "standby")

    def recovered(self, episode):
        """all is well again, one exporter is restarted, and everybody who was told of something is told of its end"""
        self.lab.exporters["capped"].stop()
        self.lab.exporters["capped"].start()
        for earlier in self.episodes[:-1]:
            for alert in earlier.alerts:
                if not alert.firing or not alert.ends:
                    continue

                def ended(alert=alert):
                    alert.resolved = self.lab.webhook.ended(alert.firing)
                    return alert.resolved
                try:
                    self.wait(f"the end of alert {alert.name} {alert.labels} at the webhook", ended)
                except DrillError as error:
                    earlier.failures.append(str(error))
