"""What applicants receive: the texts of mail and SMS, and nothing else. Sending is the business of `kinds/`."""

from verify_workers.letters.mail import Language, result_mail, verification_mail
from verify_workers.letters.sms import code_sms, result_sms

__all__ = ["Language", "code_sms", "result_mail", "result_sms", "verification_mail"]
