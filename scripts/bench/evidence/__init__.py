"""The study: every table that a README shows, from configs, in one run that can be continued."""
