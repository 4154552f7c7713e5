import pytest
from loguru import logger


@pytest.fixture
def lines():
    """What is logged during the test, as loguru's records."""
    found = []
    sink = logger.add(lambda message: found.append(message.record), level="DEBUG")
    yield found
    logger.remove(sink)
