"""Reminders and escalations: every room says what is due, one table says who hears of it when."""
