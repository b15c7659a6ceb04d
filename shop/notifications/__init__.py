"""Telling people: in-app notices, SMS, WeChat subscription messages."""
