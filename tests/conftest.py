"""What holds for every test."""

import hypothesis

# Machines are slow and busy at times: no test may depend on how long an example took.
hypothesis.settings.register_profile("no_deadline", deadline=None)
hypothesis.settings.load_profile("no_deadline")
