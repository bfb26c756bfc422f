"""Tasks whose arguments are models."""
from pydantic import BaseModel

from .celery import app


class Order(BaseModel):
    item: str
    count: int = 1


class Bill(BaseModel):
    total: float


@app.task(pydantic=True)
def bills(order: Order) -> Bill:
    return Bill(total=order.count * 2.5)
