"""What Celery must be told about its broker. Each setting answers a failure that was seen: see docs/brokers.md."""

from typing import Any
from urllib.parse import urlsplit

from kombu import Exchange
from kombu import Queue as BrokerQueue

from config.queues import QUEUES


def broker_settings(url: str) -> dict[str, Any]:
    """Celery settings (lower case, without prefix) for the broker at ``url``: amqp://, redis:// or rediss://."""
    rabbit = urlsplit(url).scheme in {"amqp", "amqps"}
    # Native delayed delivery on RabbitMQ routes by binary digits, which needs a topic exchange. On Redis every publish
    # to one would first ask for its bindings; to a direct one it is a single LPUSH.
    exchange = Exchange("jobs", type="topic" if rabbit else "direct", durable=True)
    common: dict[str, Any] = {
        "broker_url": url,
        "task_queues": [
            BrokerQueue(
                queue.name,
                exchange=exchange,
                routing_key=queue.name,
                queue_arguments={"x-queue-type": "quorum"} if rabbit else None,
            )
            for queue in QUEUES
        ],
        "task_default_queue": "control",
        "task_default_exchange": exchange.name,
        "task_default_exchange_type": exchange.type,
        "task_default_routing_key": "control",
        "task_create_missing_queues": False,
        # The lease in the database decides who redoes lost work, so a message is acknowledged when it is taken.
        "task_acks_late": False,
        # The dispatcher retries by itself and must hear of a failure at once.
        "task_publish_retry": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_heartbeat": 30,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": True,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "worker_proc_alive_timeout": 30.0,
    }
    if rabbit:
        return common | {
            "broker_transport_options": {
                "confirm_publish": True,
                "confirm_timeout": 5,
                "read_timeout": 10,
                "write_timeout": 10,
                "max_retries": 0,
            },
            "task_default_queue_type": "quorum",
            "worker_detect_quorum_queues": True,
            "broker_native_delayed_delivery_queue_type": "quorum",
        }
    return common | {
        "broker_transport_options": {
            # What a worker takes is gone from Redis: the row knows of it, and is rung again if nobody answers. Keeping
            # it there until acknowledged costs four commands a message, and with a message unacknowledged kombu 5.7.0
            # kills the worker when Redis goes away.
            "ack_emulation": False,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "max_retries": 0,
        },
    }
