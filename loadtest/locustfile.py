"""The wave for Locust: `locust -f loadtest/locustfile.py`, with all that Locust can do.

    locust -f loadtest/locustfile.py --headless -u 1400 -r 1400 -t 60s --processes 2 -H http://127.0.0.1:8080 Wave

Each user is a clock (`loadtest/arrivals/clock.py`), by default of one arrival a second. `Wave` is the mix of the first
opening; the others are for trying one thing alone (`--class-picker`). The last three classes are
verified already and come from `--arrivals-crowd`, a file of `gelombang crowd`. `--arrivals-mix register=90,mistype=10`
weighs the journeys of a class anew.
"""

from locust import task

from loadtest.arrivals import journeys, participants, wiring
from loadtest.arrivals.clock import Arrival, ArrivalUser

# Importing the wiring is what adds options and hooks.
__all__ = ["Applicants", "Joiners", "Participants", "Submitters", "Visitors", "Wave", "wiring"]


class Wave(ArrivalUser):
    """The writes of an opening: most register, some slip, some give up and try again, some are on a bad line."""

    @task(90)
    def register(self, arrival: Arrival) -> None:
        """Register once."""
        journeys.register(arrival)

    @task(5)
    def mistype(self, arrival: Arrival) -> None:
        """Slip, and mend it."""
        journeys.mistype(arrival)

    @task(3)
    def storm(self, arrival: Arrival) -> None:
        """Give up after a second and send again."""
        journeys.storm(arrival)

    @task(1)
    def crawl(self, arrival: Arrival) -> None:
        """Send the body slowly."""
        journeys.crawl(arrival)

    @task(1)
    def swarm(self, arrival: Arrival) -> None:
        """A bot."""
        journeys.swarm(arrival)


class Applicants(ArrivalUser):
    """The whole way of a registration, for as many as the mailbox and SMS stand-ins are given for."""

    def on_start(self) -> None:
        """Have the picture drawn before anybody is due."""
        journeys.selfie()

    @task(80)
    def follow(self, arrival: Arrival) -> None:
        """Register, look 48 times, confirm the mail, type the code."""
        journeys.follow(arrival)

    @task(15)
    def upload(self, arrival: Arrival) -> None:
        """Register, send a photo over a bad line, and see it judged."""
        journeys.upload(arrival)

    @task(4)
    def insist(self, arrival: Arrival) -> None:
        """Register, and come back when asked to."""
        journeys.insist(arrival)

    @task(1)
    def confirm_mail(self, arrival: Arrival) -> None:
        """Register with patience and confirm the mail."""
        journeys.confirm_mail(arrival)


class Visitors(ArrivalUser):
    """Those who only look at the form."""

    @task
    def visit(self, arrival: Arrival) -> None:
        """Open the form."""
        journeys.visit(arrival)


class Participants(ArrivalUser):
    """The later stages whole, for verified applicants."""

    @task
    def take_part(self, arrival: Arrival) -> None:
        """Take the test, see the score, join."""
        participants.take_part(arrival)


class Submitters(ArrivalUser):
    """The wave of tests that are sent, for applicants who have answered everything."""

    @task
    def submit(self, arrival: Arrival) -> None:
        """End the test, see the score."""
        participants.submit(arrival)


class Joiners(ArrivalUser):
    """The rush before the closing, for applicants who have their score."""

    @task
    def join(self, arrival: Arrival) -> None:
        """Join, some twice."""
        participants.join(arrival)
