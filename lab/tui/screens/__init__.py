"""Screens: start, bring-up, on call, note, debrief."""
