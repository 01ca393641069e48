/* SPDX-License-Identifier: MIT */
#include "runtime/secret.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "spec/native/check.h"

/* The reference vectors of SipHash-2-4: key 00..0f, message 00, 01, ... */
static void matches_the_paper(void) {
  static const struct {
    size_t size;
    uint64_t sum;
  } vectors[] = {{0, UINT64_C(0x726fdb47dd0e0e31)},
                 {1, UINT64_C(0x74f839c593dc67fd)},
                 {8, UINT64_C(0x93f5f5799a932462)},
                 {15, UINT64_C(0xa129ca6149be45e5)}};
  unsigned char bytes[16];
  for (unsigned char i = 0; i < 16; i++) bytes[i] = i;
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
    CHECK(bl_siphash(bytes, bytes, vectors[i].size) == vectors[i].sum);
}

static void compares(void) {
  struct bl_secret *s = NULL;
  NEED(bl_secret_new("key\0x", 5, &s) == 0);
  CHECK(bl_secret_equals(s, "key\0x", 5));
  CHECK(!bl_secret_equals(s, "key\0y", 5));
  CHECK(!bl_secret_equals(s, "Key\0x", 5));
  CHECK(!bl_secret_equals(s, "key", 3));
  CHECK_INT(bl_secret_size(s), 5);
  CHECK(bl_secret_free(s) == NULL);
  CHECK(bl_secret_free(NULL) == NULL);
}

static void has_limits(void) {
  struct bl_secret *s = NULL;
  CHECK_INT(bl_secret_new("", 0, &s), -EINVAL);
  CHECK_INT(bl_secret_random(BL_SECRET_MAX + 1, &s), -EINVAL);
  CHECK(s == NULL);
  NEED(bl_secret_random(BL_SECRET_MAX, &s) == 0);
  bl_secret_free(s);
}

static void shows_a_fingerprint(void) {
  struct bl_secret *a = NULL, *b = NULL, *c = NULL;
  NEED(bl_secret_new("same", 4, &a) == 0 && bl_secret_new("same", 4, &b) == 0);
  NEED(bl_secret_random(32, &c) == 0);
  CHECK_INT(bl_secret_fingerprint(a), bl_secret_fingerprint(b));
  CHECK(bl_secret_fingerprint(a) != bl_secret_fingerprint(c));
  bl_secret_free(a);
  bl_secret_free(b);
  bl_secret_free(c);
}

static int read_with_mode(const char *path, mode_t mode) {
  struct bl_secret *s = NULL;
  chmod(path, mode);
  int r = bl_secret_read(path, &s);
  if (r == 0) CHECK(bl_secret_equals(s, "hidden", 6));
  else CHECK(s == NULL);
  bl_secret_free(s);
  return r;
}

static void reads_private_files_only(void) {
  struct bl_secret *s = NULL;
  char path[] = "/tmp/billiard-secret-XXXXXX";
  int fd = mkstemp(path);
  NEED(fd >= 0);
  CHECK_INT(bl_secret_read(path, &s), -EINVAL); /* empty */
  CHECK_INT(write(fd, "hidden", 6), 6);
  close(fd);
  CHECK_INT(read_with_mode(path, 0600), 0);
  CHECK_INT(read_with_mode(path, 0400), 0);
  CHECK_INT(read_with_mode(path, 0640), -EPERM);
  CHECK_INT(read_with_mode(path, 0604), -EPERM);
  unlink(path);
  CHECK_INT(bl_secret_read(path, &s), -ENOENT);
  CHECK_INT(bl_secret_read("/tmp", &s), -EINVAL);
}

CHECK_MAIN({"SipHash-2-4 matches its published vectors", matches_the_paper},
           {"only the same bytes are equal", compares},
           {"a size out of range is refused", has_limits},
           {"equal keys share a fingerprint", shows_a_fingerprint},
           {"a file others can read is refused", reads_private_files_only})
