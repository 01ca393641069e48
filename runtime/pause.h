/* SPDX-License-Identifier: MIT */
/* For between two looks at a word that another CPU is about to change. */
#ifndef BILLIARD_PAUSE_H
#define BILLIARD_PAUSE_H

static inline void bl_pause(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("yield");
#endif
}

#endif
