"""The tasks of the clients, and how a client reports what it got."""

import json
import os

BASE_URL = os.environ["BASE_URL"] + "/v1"
API_KEY = "compat-key-0123456789abcdef"
MODEL = "gpt-4o-mini"
THREE_TOOLS = "Use three tools, then say so."
CLIENT_TOOL = "Ask your own tool for the weather in Oslo."
QUESTION = "Say hello."
REMEMBER = "Remember blue."
RECALL = "What did I say?"
COMPUTE = "Use the python tool to add up the numbers."
USE_SHELL = "Use the shell to multiply."
INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def get_weather(city: str) -> str:
    """The weather of a city."""
    return "rain"


def report(case: str, text: str) -> None:
    print(json.dumps({"case": case, "text": text}, separators=(",", ":")), flush=True)
