import os

from pydantic_ai import Agent
from pydantic_ai.capabilities import NativeTool
from pydantic_ai.native_tools import CodeExecutionTool
from tasks import API_KEY, BASE_URL, CLIENT_TOOL, COMPUTE, MODEL, QUESTION, RECALL, REMEMBER, get_weather, report

os.environ.update(OPENAI_BASE_URL=BASE_URL, OPENAI_API_KEY=API_KEY)

plain = Agent(f"openai:{MODEL}", instructions="Answer.")
first = plain.run_sync(REMEMBER)
report("question, run_sync", plain.run_sync(QUESTION).output)
report("question, run_stream_sync", plain.run_stream_sync(QUESTION).get_output())
report("memory, message_history", plain.run_sync(RECALL, message_history=first.all_messages()).output)

armed = Agent(f"openai:{MODEL}", instructions="Answer.", tools=[get_weather])
report("client tool, run_sync", armed.run_sync(CLIENT_TOOL).output)

interpreting = Agent(f"openai:{MODEL}", instructions="Answer.", capabilities=[NativeTool(CodeExecutionTool())])
computed = interpreting.run_sync(COMPUTE)
report("code interpreter, run_sync", computed.output)
report("code interpreter, run_stream_sync", interpreting.run_stream_sync(COMPUTE).get_output())
again = interpreting.run_sync(COMPUTE, message_history=computed.all_messages())
report("code interpreter, message_history", again.output)
