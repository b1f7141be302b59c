"""What is kept and what is lost: the link machine, rules and their explanations. Pure functions."""
