"""`syncd bench`: what a record costs on this machine, beside a loop that keeps no state."""
