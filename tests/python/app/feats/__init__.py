"""An app that uses what Celery has: `-A feats` finds it in `feats.celery`."""
