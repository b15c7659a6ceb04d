"""Configuration and assembly of Linjia.

Nobody imports this package: code asks `django.conf.settings`. Settings may name any module of the three floors, but
only as a string.
"""
