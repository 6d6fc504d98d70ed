"""Three agents of Agent Framework's answer a question, within budgets."""

import asyncio

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient
from agent_framework.orchestrations import SequentialBuilder

from abgnn.frameworks.agent_framework import budgeted


async def main() -> None:
    llm = OpenAIChatCompletionClient("gpt-4o")
    solver = Agent(llm, "You solve the problem step by step.", name="Solver")
    critic = Agent(llm, "You look for mistakes.", name="Critic")
    editor = Agent(llm, "You give the final answer.", name="Editor")
    workflow = SequentialBuilder(participants=[solver, critic, editor]).build()
    workflow = budgeted(
        workflow, "my_llms.yaml", "questions.jsonl", cost_usd=2e-5, latency_s=20, encoder="offline"
    )
    result = await workflow.run("What is 12 + 30?")
    print(result.get_outputs()[-1].text)


asyncio.run(main())
