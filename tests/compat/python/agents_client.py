import asyncio

from agents import (
    Agent,
    Runner,
    function_tool,
    set_default_openai_api,
    set_default_openai_client,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from tasks import API_KEY, BASE_URL, CLIENT_TOOL, MODEL, THREE_TOOLS, get_weather, report

set_tracing_disabled(True)
set_default_openai_api("chat_completions")
set_default_openai_client(AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY))


async def main():
    plain = Agent(name="Plain", instructions="Answer.", model=MODEL)
    report("three tools, run", (await Runner.run(plain, THREE_TOOLS)).final_output)

    streamed = Runner.run_streamed(plain, THREE_TOOLS)
    async for _ in streamed.stream_events():
        pass
    report("three tools, run_streamed", streamed.final_output)

    armed = Agent(name="Armed", instructions="Answer.", model=MODEL, tools=[function_tool(get_weather)])
    report("client tool, run", (await Runner.run(armed, CLIENT_TOOL)).final_output)


asyncio.run(main())
