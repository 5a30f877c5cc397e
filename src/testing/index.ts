// Emulators of the platforms, on loopback: what `wgrok/testing` offers.
export { SlackEmulator, type SlackEmulatorOptions, startSlackEmulator } from './slack/emulator.js'
export { signSlack } from './slack/hooks.js'
export type { EmulatedSlackApp, EmulatedSlackMessage, EmulatedSlackUser } from './slack/workspace.js'
