/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over files, where there is no libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int replay(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return -1;
  uint8_t *bytes = malloc(1 << 20);
  size_t n = bytes ? fread(bytes, 1, 1 << 20, file) : 0;
  fclose(file);
  LLVMFuzzerTestOneInput(bytes, n);
  free(bytes);
  return 0;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (replay(argv[i]) < 0) {
      perror(argv[i]);
      return 1;
    }
  }
  printf("%d inputs replayed\n", argc - 1);
  return argc > 1 ? 0 : 1;
}
