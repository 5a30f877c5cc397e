import { defineConfig, type ViteUserConfig } from 'vitest/config'

const common = { testTimeout: 20_000, hookTimeout: 60_000 }

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: { ...common, name: 'main', include: ['tests/**/*.test.ts'], exclude: ['tests/{package,cli}/**'] },
      },
      {
        // These start processes and some take times: after the rest, so that both cores are theirs.
        test: {
          ...common,
          name: 'package',
          include: ['tests/{package,cli}/**/*.test.ts'],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})

export default config
