from celery import shared_task
from django.db import connection, transaction

from .models import Order


@shared_task
def place(item):
    return Order.objects.create(item=item).pk


@shared_task
def pay(pk):
    Order.objects.filter(pk=pk).update(paid=True)
    return Order.objects.get(pk=pk).paid


@shared_task
def lose():
    with transaction.atomic():
        Order.objects.create(item="lost")
        raise ValueError("rolled back")


@shared_task
def count():
    return Order.objects.count()


@shared_task
def is_closed():
    """Whether the connection of the task before was closed."""
    return connection.connection is None


@shared_task(bind=True)
def kind(self):
    return [type(self).__mro__[1].__name__, hasattr(self, "delay_on_commit")]
