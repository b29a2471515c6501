"""A browser on the pages of MLflow, and the answers that it got."""

import re
import time
from urllib.parse import urlsplit

from playwright.sync_api import TimeoutError as PlaywrightTimeout

QUIET_MILLISECONDS = 500
SETTLED_WITHIN_SECONDS = 60
# Chromium never tells that the script of a shared worker is there.
NEVER_FINISHED = "telemetry-worker"


class Visitor:
    """Somebody's browser, with everything that the gate answered to its last page."""

    def __init__(self, gate, context):
        self.gate = gate
        self.context = context
        self.answers = []
        self.under_way = set()
        context.on("request", self.started)
        context.on("response", lambda answer: self.is_of_the_gate(answer) and self.answers.append(answer))
        context.on("requestfinished", lambda request: self.under_way.discard(request))
        context.on("requestfailed", lambda request: self.under_way.discard(request))

    def started(self, request):
        if NEVER_FINISHED not in request.url:
            self.under_way.add(request)

    def is_of_the_gate(self, answer):
        return answer.url.startswith(self.gate.url + "/")

    def open(self, path, texts=(), answer=""):
        """Opens a page, waits for these texts on it, and for an answer of this pattern."""
        self.answers.clear()
        page = self.context.new_page()
        page.goto(f"{self.gate.url}/#{path}")
        for text in texts:
            page.get_by_text(text).filter(visible=True).first.wait_for()
        self.settle(page, lambda: any(re.search(answer, f"{request} {body}") for request, body in self.told()))
        # The UI introduces itself once to everybody, over the page.
        for introduction in ("Got it", "Try it now"):
            button = page.get_by_role("button", name=introduction)
            if button.is_visible():
                button.dispatch_event("click")  # something else may lie over it
                button.wait_for(state="hidden")
                self.settle(page)
        return page

    def settle(self, page, done=lambda: True):
        """Waits until nothing is under way, nothing was begun for a while, and it is done."""
        deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
        while time.monotonic() < deadline:
            try:
                page.context.wait_for_event("request", timeout=QUIET_MILLISECONDS)
            except PlaywrightTimeout:
                if not self.under_way and done():
                    return
        under_way = [request.url for request in self.under_way]
        raise AssertionError(f"{page.url} is not done; under way: {under_way}; answered: {self.told()}")

    def refused(self):
        return [f"{a.status} {a.request.method} {a.url}" for a in self.answers if a.status >= 400]

    def told(self):
        """Request and body of every answer but the UI's own scripts, which everybody gets."""
        mine = [a for a in self.answers if not urlsplit(a.url).path.startswith("/static-files/")]
        return [(f"{a.status} {a.request.method} {a.url}", a.text()) for a in mine]
