import type { RouterStatus } from './status.js'

/** The router's metrics, as text for Prometheus. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  /** Notes how long a message took from its acceptance to its delivery, in ms. */
  relayed(ms: number): void
}

/** Upper bounds in seconds: a bridge answers in milliseconds, a platform that asks to wait in minutes. */
const RELAY_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900]

/**
 * Collects from the router's status whenever it is asked for; counting costs the router nothing in between. Loads
 * prom-client, with a registry of its own: two routers in one process do not meet.
 *
 * Labels are platforms, states and account names only, so that neither slugs nor addresses get into a time series.
 */
export async function openMetrics(status: () => Promise<RouterStatus>): Promise<Metrics> {
  const { Counter, Gauge, Histogram, Registry } = await import('prom-client')
  const registry = new Registry()
  const registers = [registry]
  const relay = new Histogram({
    name: 'wgrok_relay_seconds',
    help: 'Time from accepting a message to having sent it.',
    buckets: RELAY_BUCKETS,
    registers,
  })
  const messages = new Counter({
    name: 'wgrok_messages_total',
    help: 'Messages heard, by what became of them.',
    labelNames: ['outcome'],
    registers,
  })
  const sent = new Counter({ name: 'wgrok_sent_total', help: 'Messages that left a lane as sent.', registers })
  const dead = new Counter({ name: 'wgrok_dead_total', help: 'Messages that became dead letters.', registers })
  const dropped = new Counter({
    name: 'wgrok_dropped_total',
    help: 'Messages dropped because their lane was full; always 0 with a durable spool.',
    registers,
  })
  const spool = new Gauge({
    name: 'wgrok_spool_messages',
    help: 'Messages that wait, those being sent included.',
    registers,
  })
  const bytes = new Gauge({ name: 'wgrok_spool_bytes', help: 'Bytes of the spool.', registers })
  const lanes = new Gauge({ name: 'wgrok_spool_lanes', help: 'Destinations that something waits for.', registers })
  const held = new Gauge({ name: 'wgrok_held_lanes', help: 'Destinations that are paused.', registers })
  const letters = new Gauge({ name: 'wgrok_dead_letters', help: 'Dead letters that are kept.', registers })
  const live = new Gauge({
    name: 'wgrok_account_live',
    help: '1 while an account is connected, 0 otherwise.',
    labelNames: ['account', 'platform'],
    registers,
  })
  const heardAt = new Gauge({
    name: 'wgrok_account_last_message_timestamp_seconds',
    help: 'When an account last heard a message; 0 before the first.',
    labelNames: ['account', 'platform'],
    registers,
  })
  const memory = new Gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory.', registers })
  const heap = new Gauge({ name: 'process_heap_bytes', help: 'JavaScript heap in use.', registers })
  return {
    contentType: registry.contentType,
    relayed: ms => relay.observe(ms / 1000),
    async text() {
      const now = await status()
      for (const outcome of ['accepted', 'duplicate', 'ignored', 'refused'] as const) {
        messages.remove({ outcome })
        messages.inc({ outcome }, now.counts[outcome])
      }
      set(sent, now.counts.sent)
      set(dead, now.counts.dead)
      set(dropped, now.spool.dropped)
      spool.set(now.spool.messages)
      bytes.set(now.spool.bytes)
      lanes.set(now.spool.lanes)
      held.set(now.held.length)
      letters.set(now.spool.dead)
      for (const account of now.accounts) {
        const labels = { account: account.name, platform: account.platform }
        live.set(labels, account.status.state === 'live' ? 1 : 0)
        heardAt.set(labels, account.lastHeardAt / 1000)
      }
      const usage = process.memoryUsage()
      memory.set(usage.rss)
      heap.set(usage.heapUsed)
      return registry.metrics()
    },
  }
}

/** A counter whose value is counted elsewhere. */
function set(counter: { reset(): void; inc(value: number): void }, value: number): void {
  counter.reset()
  counter.inc(value)
}
