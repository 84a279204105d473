// Package openai is a rollout.Generator over inference servers that speak OpenAI's
// HTTP API, vLLM and SGLang among them.
package openai
