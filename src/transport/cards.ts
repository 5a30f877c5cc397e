import type { Card, Platform } from '../protocol.js'

/**
 * The cards that a platform can show. Each has a form of its own and refuses the whole message for one in another form,
 * so that a card from elsewhere is left out; the frame goes through without it.
 */
export function cardsFor(platform: Platform, cards: readonly Card[]): readonly Card[] {
  return cards.filter(card => SHOWN[platform](card))
}

const SHOWN: Readonly<Record<Platform, (card: Card) => boolean>> = {
  webex: isAdaptive,
  slack: card => Array.isArray(card['blocks']) || (typeof card['type'] === 'string' && !isAdaptive(card)),
  discord: card => (card['type'] === undefined || card['type'] === 'rich') && !Array.isArray(card['blocks']),
  irc: () => false,
  // The router cannot know what an adapter stands for.
  bridge: () => true,
}

function isAdaptive(card: Card): boolean {
  return card['type'] === 'AdaptiveCard'
}
