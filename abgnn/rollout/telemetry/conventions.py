"""Names of spans, attributes and metrics: OpenTelemetry's semantic conventions 1.41.1, and ours.

1.41.1 is the last release that defines `gen_ai.*`; from 1.42.0 on they live in a repository of
their own, whose names for tokens and workflows differ. What the conventions have no name for starts
with `abgnn.`.

A rollout is a workflow (`invoke_workflow`), the turn of an agent `invoke_agent`, and every attempt
of a call `chat`, a child of its agent's turn.
"""

from __future__ import annotations

SCOPE = "abgnn"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.1"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.request.model"
AGENT = "gen_ai.agent.name"
WORKFLOW = "gen_ai.workflow.name"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOKEN_TYPE = "gen_ai.token.type"
ERROR = "error.type"
ADDRESS = "server.address"
PORT = "server.port"

TOKEN_USAGE = "gen_ai.client.token.usage"
DURATION = "gen_ai.client.operation.duration"
TOKEN_BUCKETS = [4.0**i for i in range(14)]  # as the conventions have them
DURATION_BUCKETS = [0.01 * 2**i for i in range(14)]

COST = "abgnn.cost.usd"  # of an attempt, of a rollout's calls, and the counter of dollars paid
PAID = "abgnn.paid.usd"  # of a rollout: its cost less what a recording answered
UNCERTAIN = "abgnn.cost.uncertain"  # the reply stated no usage: the cost is its worst case
CACHED = "abgnn.cached"  # answered from the recording: no call was made, nothing was paid
ATTEMPT = "abgnn.attempt"
BACKBONE = "abgnn.backbone"
QUEUE_S = "abgnn.queue.seconds"
LATENCY_S = "abgnn.latency.seconds"
ROUND = "abgnn.round"
INDEX = "abgnn.agent.index"  # in the plan
PHASE = "abgnn.phase"
RUN = "abgnn.run"
QUERY = "abgnn.query.id"
SAMPLE = "abgnn.sample"
CALLS_ARE = "abgnn.calls_are"  # simulated, recorded or live
PLAN = "abgnn.plan"
BUDGET_USD = "abgnn.budget.usd"  # stated for the question
BUDGET_S = "abgnn.budget.seconds"
CAP_USD = "abgnn.cap.usd"  # never exceeded
DEADLINE_S = "abgnn.deadline.seconds"
CALLS = "abgnn.calls"
LATE = "abgnn.late"  # agents that the deadline left out
