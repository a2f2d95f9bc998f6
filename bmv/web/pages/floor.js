// Whose turn it is, or why it is nobody's: one light, a few words, and a line that explains them, short enough for
// Flex's side panel.

const BEFORE = { ordered: "The agent is being called.", offered: "The call waits for an agent.",
  calling: "The caller is being called." };

// What the strip says of a page: `call` and `view` are what the server told last. The first that holds, counts.
export function floor({ connected, over, waiting, call, view }) {
  if (!connected && !over) return { is: "warn", turn: "Reconnecting …", why: "What is said meanwhile will appear here." };
  if (waiting && over) return { is: "idle", turn: "The call is over", why: "Waiting for your next call." };
  if (waiting) return { is: "idle", turn: "Waiting for your next call", why: "Its captions will appear here by themselves." };
  if (over) return { is: "idle", turn: "The call is over", why: "What you see stays until you close this page." };
  if (!view) return { is: "idle", turn: "Connecting …", why: "" };
  if (view.state === "held") return { is: "idle", turn: "On hold", why: view.secured ? "The translation stays paused." : "Nothing is translated while nobody listens." };
  if (view.state !== "bridged") return { is: "idle", turn: "Not connected yet", why: BEFORE[view.state] ?? "The caller waits for an agent." };
  if (view.secured) return { is: "warn", turn: "Translation paused", why: "Own voices. Nothing is translated or written down." };
  return talk(call, view.directions);
}

function talk(call, { caller, agent }) {
  const lost = !call?.same && [caller, agent].some((each) => each.mode === "passing through");
  if (lost) return { is: "warn", turn: "No translation now", why: passing(caller, agent) };
  if (caller.translating) return { is: "caller", turn: "Interpreter is speaking", why: caller.speaking ? "To you. The caller goes on." : "To you." };
  if (caller.speaking) return { is: "caller", turn: "Caller is speaking", why: call?.same ? "You speak the same language." : "The interpreter follows." };
  if (agent.translating) return { is: "agent", turn: "Interpreter is speaking", why: agent.speaking ? "To the caller, while you speak." : "To the caller." };
  if (agent.speaking) return { is: "agent", turn: "You are speaking", why: call?.same ? "You speak the same language." : "The interpreter follows." };
  const opening = !call?.same && [caller, agent].some((each) => each.mode === "opening");
  return { is: "free", turn: "Your turn", why: opening ? "The interpreter is on the way." : "Nobody is speaking." };
}

function passing(caller, agent) {
  if (caller.mode !== agent.mode) {
    return caller.mode === "passing through" ? "You hear the caller's own voice."
      : "The caller hears your own voice.";
  }
  return "You hear each other's own voices.";
}
