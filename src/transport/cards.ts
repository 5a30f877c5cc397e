import type { Card, Platform } from '../protocol.js'

/**
 * The cards that a platform can show. Each has a form of its own and refuses the whole message for one in another form,
 * so that a card from elsewhere is left out; the frame goes through without it.
 */
export function cardsFor(platform: Platform, cards: readonly Card[]): readonly Card[] {
  return cards.filter(card => SHOWN[platform](card))
}

/** Types of Block Kit. */
const BLOCKS: ReadonlySet<string> = new Set([
  'actions',
  'alert',
  'call',
  'card',
  'carousel',
  'context',
  'context_actions',
  'divider',
  'file',
  'header',
  'image',
  'input',
  'markdown',
  'plan',
  'rich_text',
  'section',
  'table',
  'task_card',
  'video',
])

const SHOWN: Readonly<Record<Platform, (card: Card) => boolean>> = {
  webex: isAdaptive,
  slack: card => Array.isArray(card['blocks']) || isBlock(card['type']),
  discord: card => (card['type'] === undefined || card['type'] === 'rich') && !Array.isArray(card['blocks']),
  irc: () => false,
  // The router cannot know what an adapter stands for.
  bridge: () => true,
}

function isBlock(type: unknown): boolean {
  return typeof type === 'string' && BLOCKS.has(type)
}

function isAdaptive(card: Card): boolean {
  return card['type'] === 'AdaptiveCard'
}
