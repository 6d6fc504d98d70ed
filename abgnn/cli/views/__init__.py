"""Tables and sentences that commands print; loaded when there is something to print."""
