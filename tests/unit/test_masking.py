"""What call-centre staff see of a person."""

from datetime import date

from ingest.desk.masking import Masked, masked
from registration.applicant import Applicant

SITI = Applicant(
    "Siti Nur Rahayu", "Jakarta", date(1990, 2, 3), "3174014302900001", "siti@surel.example", "+628123456789"
)


def test_enough_is_left_to_recognise_and_no_more() -> None:
    """Initials, region and last digits of the NIK, the domain, the end of the phone number."""
    assert masked(SITI) == Masked("S*** N*** R***", "317401********01", "s***@surel.example", "***789")


def test_a_mask_does_not_tell_how_long_a_name_is() -> None:
    """The same stars whatever they hide; of one letter that letter."""
    short = Applicant("A", "Jakarta", SITI.birth_date, SITI.nik, "a@b.example", SITI.phone)
    assert (masked(short).name, masked(short).email) == ("A***", "a***@b.example")
