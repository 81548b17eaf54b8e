import asyncio

from agents import Agent, CodeInterpreterTool, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI
from tasks import (
    API_KEY,
    BASE_URL,
    CLIENT_TOOL,
    COMPUTE,
    INTERPRETER,
    MODEL,
    QUESTION,
    RECALL,
    REMEMBER,
    get_weather,
    report,
)

set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY))


async def main():
    plain = Agent(name="Plain", instructions="Answer.", model=MODEL)
    report("question, run", (await Runner.run(plain, QUESTION)).final_output)

    streamed = Runner.run_streamed(plain, QUESTION)
    async for _ in streamed.stream_events():
        pass
    report("question, run_streamed", streamed.final_output)

    first = await Runner.run(plain, REMEMBER)
    second = await Runner.run(plain, RECALL, previous_response_id=first.last_response_id)
    report("memory, previous_response_id", second.final_output)

    armed = Agent(name="Armed", instructions="Answer.", model=MODEL, tools=[function_tool(get_weather)])
    report("client tool, run", (await Runner.run(armed, CLIENT_TOOL)).final_output)

    tools = [CodeInterpreterTool(tool_config=INTERPRETER)]
    interpreting = Agent(name="Interpreting", instructions="Answer.", model=MODEL, tools=tools)
    computed = await Runner.run(interpreting, COMPUTE)
    report("code interpreter, run", computed.final_output)

    heard = Runner.run_streamed(interpreting, COMPUTE)
    async for _ in heard.stream_events():
        pass
    report("code interpreter, run_streamed", heard.final_output)

    history = [*computed.to_input_list(), {"role": "user", "content": COMPUTE}]
    report("code interpreter, run with history", (await Runner.run(interpreting, history)).final_output)


asyncio.run(main())
