/* SPDX-License-Identifier: MIT */
#include "runtime/pack.h"

#include "runtime/inspect.h"
#include "runtime/unpack.h"
#include "runtime/utf8.h"
#include "spec/native/check.h"

static int is(struct bl_buf *b, const char *bytes, size_t n) {
  int same = bl_buf_length(b) == n && memcmp(bl_buf_front(b), bytes, n) == 0;
  bl_buf_cut(b, 0);
  return same;
}

#define IS(b, literal) CHECK(is(b, literal, sizeof literal - 1))

/* At the end of a message, and with more behind it. */
static void integer_comes_back(struct bl_buf *b, int64_t value) {
  size_t size = bl_buf_length(b);
  NEED(bl_pack_string(b, "a string behind it", 18) == 0);
  for (int more = 0; more <= 1; more++) {
    struct bl_unpack_item it = {0};
    const char *from = bl_buf_front(b), *end = from + size;
    struct bl_unpack u = {from, more ? b->data + b->end : end};
    CHECK_INT(bl_unpack_next(&u, &it), 0);
    CHECK_INT(it.kind, BL_UNPACK_INTEGER);
    CHECK_INT(it.integer, value);
    CHECK(u.at == end);
  }
}

static void integers_are_short(void) {
  struct bl_buf b = {0};
  static const struct {
    int64_t value;
    size_t size;
  } cases[] = {
      {0, 1},         {127, 1},        {128, 2},        {255, 2},
      {256, 3},       {65535, 3},      {65536, 5},      {UINT32_MAX, 5},
      {1ll << 32, 9}, {INT64_MAX, 9},  {-32, 1},        {-33, 2},
      {-128, 2},      {-129, 3},       {-32768, 3},     {-32769, 5},
      {INT32_MIN, 5}, {-(1ll << 31) - 1, 9}, {INT64_MIN, 9},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    NEED(bl_pack_integer(&b, cases[i].value) == 0);
    CHECK_INT(bl_buf_length(&b), cases[i].size);
    integer_comes_back(&b, cases[i].value);
    bl_buf_cut(&b, 0);
  }
  bl_buf_reset(&b);
}

/* 2^63 and more is no integer here. */
static void too_large_is_refused(void) {
  static const char bytes[] = "\xcf\x80\0\0\0\0\0\0\0" "12345678";
  struct bl_unpack_item it;
  struct bl_unpack alone = {bytes, bytes + 9}, more = {bytes, bytes + 17};
  CHECK_INT(bl_unpack_next(&alone, &it), BL_EBADFRAME);
  CHECK_INT(bl_unpack_next(&more, &it), BL_EBADFRAME);
}

static void flat_is_all_there_is(void) {
  static const struct {
    const char *bytes;
    size_t size, n;
    int flat;
  } cases[] = {{"\x01\xc0\xa1x\xc3", 5, 4, 1}, {"", 0, 0, 1},
               {"\x01\x02", 2, 1, 0},           {"\x01", 1, 2, 0},
               {"\x01\x90", 2, 2, 0},           {"\x80", 1, 1, 0},
               {"\xd4\x01\x01", 3, 1, 0},       {"\xa2x", 2, 1, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bl_unpack u = {cases[i].bytes, cases[i].bytes + cases[i].size};
    CHECK_INT(bl_unpack_is_flat(u, cases[i].n), cases[i].flat);
  }
}

static void text_is_str(void) {
  struct bl_buf b = {0};
  bl_pack_string(&b, "a\xc3\xbc", 3);
  IS(&b, "\xa3" "a\xc3\xbc");
  bl_pack_string(&b, "a\xc3", 2);
  IS(&b, "\xc4\x02" "a\xc3");
  bl_pack_string(&b, "\xed\xa0\x80", 3);
  IS(&b, "\xc4\x03\xed\xa0\x80");
  bl_buf_reset(&b);
}

/* A character may stand across two pieces. */
static void utf8_goes_on(void) {
  static const char text[] = "0123456789012345678901234567890\xf0\x9f\x98\x80";
  const size_t n = sizeof text - 1;
  for (size_t cut = 0; cut <= n; cut++) {
    struct bl_utf8 u = {0};
    CHECK(bl_utf8_next(&u, text, cut));
    CHECK_INT(u.missing > 0, cut > n - 4 && cut < n);
    CHECK(bl_utf8_next(&u, text + cut, n - cut));
    CHECK_INT(u.missing, 0);
  }
  static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf",
    "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5", "\xc3x"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct bl_utf8 u = {0};
    CHECK(!bl_utf8_next(&u, bad[i], strlen(bad[i])));
  }
}

static void map_of(struct bl_buf *b, size_t n) {
  size_t mark;
  NEED(bl_pack_nil(b) == 0 && bl_pack_open_map(b, &mark) == 0);
  for (size_t i = 1; i <= n; i++) {
    NEED(bl_pack_next_pair(b, mark, i) == 0);
    bl_pack_integer(b, (int64_t)i);
    bl_pack_boolean(b, 1);
  }
  bl_pack_close_map(b, mark, n);
}

static void maps_widen(void) {
  static const struct {
    size_t n;
    const char *head;
    size_t size;
  } cases[] = {{0, "\xc0\x80", 2},
               {15, "\xc0\x8f\x01", 3},
               {16, "\xc0\xde\x00\x10\x01", 5},
               {65535, "\xc0\xde\xff\xff\x01", 5},
               {65536, "\xc0\xdf\x00\x01\x00\x00\x01", 7}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bl_buf b = {0};
    struct bl_inspect_report report;
    map_of(&b, cases[i].n);
    CHECK(memcmp(bl_buf_front(&b), cases[i].head, cases[i].size) == 0);
    CHECK_INT(bl_inspect(bl_buf_front(&b) + 1, bl_buf_length(&b) - 1, 0,
                         bl_inspect_limits(BL_PROFILE_PLAIN), &report),
              cases[i].n > 65536 ? BL_ETOOBIG : 0);
    bl_buf_reset(&b);
  }
}

static void lengths_come_later(void) {
  struct bl_buf b = {0};
  size_t outer, inner;
  bl_pack_open_extension(&b, BL_PACK_FUNCTION, &outer);
  bl_pack_open_binary(&b, &inner);
  bl_pack_raw(&b, "abc", 3);
  CHECK_INT(bl_pack_close(&b, inner), 0);
  CHECK_INT(bl_pack_close(&b, outer), 0);
  IS(&b, "\xc9\0\0\0\x08\x03\xc6\0\0\0\x03" "abc");
  bl_buf_reset(&b);
}

static int inspect_with(const char *bytes, size_t n, int descriptors,
                        const struct bl_inspect_limits *limits) {
  struct bl_inspect_report report;
  char *copy = malloc(n ? n : 1); /* so that reading behind it is seen */
  if (!copy) return -ENOMEM;
  memcpy(copy, bytes, n);
  int r = bl_inspect(copy, n, descriptors, limits, &report);
  CHECK((r < 0) == (report.problem != NULL));
  CHECK(report.offset <= n);
  free(copy);
  return r;
}

static int inspect(const char *bytes, size_t n,
                   const struct bl_inspect_limits *limits) {
  return inspect_with(bytes, n, 0, limits);
}

/* A handle: type "x", first, count, value nil. */
#define HANDLE(first, count) "\xc7\x05\x07\xa1x" first count "\xc0"
enum { HANDLE_SIZE = sizeof HANDLE("\1", "\1") - 1 };

static int inspect_handles(const char *handles, int n, int descriptors) {
  char bytes[1 + 4 * HANDLE_SIZE] = {(char)(0x90 + n)};
  memcpy(bytes + 1, handles, (size_t)n * HANDLE_SIZE);
  return inspect_with(bytes, 1 + (size_t)n * HANDLE_SIZE, descriptors,
                      bl_inspect_limits(BL_PROFILE_UP));
}

static void handles_have_the_descriptors(void) {
  const char two_and_one[] = HANDLE("\1", "\2") HANDLE("\3", "\1");
  CHECK_INT(inspect_handles(two_and_one, 2, 3), 0);
  CHECK_INT(inspect_handles(two_and_one, 2, 2), BL_EBADFRAME);
  CHECK_INT(inspect_handles(two_and_one, 2, 4), BL_EBADFRAME);
  CHECK_INT(inspect_handles(HANDLE("\1", "\1") HANDLE("\1", "\1"), 2, 2),
            BL_EBADFRAME);
  CHECK_INT(inspect_handles(HANDLE("\0", "\1"), 1, 1), BL_EBADFRAME);
  CHECK_INT(inspect_handles(HANDLE("\2", "\1"), 1, 2), BL_EBADFRAME);
  CHECK_INT(inspect_handles(HANDLE("\1", "\xff"), 1, 1), BL_EBADFRAME);
  CHECK_INT(inspect_handles(HANDLE("\1", "\0"), 1, 0), 0);
  CHECK_INT(inspect_handles(HANDLE("\xa1", "\1"), 1, 1), BL_EBADFRAME);
  CHECK_INT(inspect_with("\x01", 1, 1, bl_inspect_limits(BL_PROFILE_DOWN)),
            BL_EBADFRAME);
  CHECK_INT(inspect_with(HANDLE("\1", "\1"), HANDLE_SIZE, 1,
                         bl_inspect_limits(BL_PROFILE_PLAIN)),
            BL_EBADFRAME);
}

static void limits_hold(void) {
  struct bl_inspect_limits l = {8, 4, 1, 2, 0};
  CHECK_INT(inspect("\x93\x01\x02\x03", 4, &l), 0);
  CHECK_INT(inspect("\x94\x01\x02\x03\x04", 5, &l), BL_ETOOBIG);
  CHECK_INT(inspect("\xa8" "12345678", 9, &l), BL_ETOOBIG);
  CHECK_INT(inspect("\x91\x91\xc0", 3, &l), 0);
  CHECK_INT(inspect("\x91\x91\x90", 3, &l), BL_ETOODEEP);
  CHECK_INT(inspect("\x81\x01\x01", 3, &l), 0);
  CHECK_INT(inspect("\x82\x01\x01\x02\x02", 5, &l), BL_ETOOBIG);
  CHECK_INT(inspect("\xd5\x02\xa1x", 4, &l), BL_EBADFRAME);
  l.extensions = 1u << BL_PACK_NAME;
  CHECK_INT(inspect("\xd5\x02\xa1x", 4, &l), 0);
}

/* Every message of up to three bytes is judged, and none is read past. */
static void all_short_messages_end(void) {
  const struct bl_inspect_limits *l = bl_inspect_limits(BL_PROFILE_DOWN);
  int good = 0;
  for (unsigned i = 0; i < 1u << 16; i++) {
    char bytes[] = {(char)(i >> 8), (char)i, (char)0xc0};
    good += inspect(bytes, 1 + i % 3, l) == 0;
  }
  CHECK(good > 0);
}

CHECK_MAIN({"integers take their shortest form, and come back",
            integers_are_short},
           {"integers of 2^63 and more are refused", too_large_is_refused},
           {"a flat list is told from others", flat_is_all_there_is},
           {"UTF-8 is str, other bytes are bin", text_is_str},
           {"UTF-8 is told from other bytes piece by piece", utf8_goes_on},
           {"a map's header grows with its pairs", maps_widen},
           {"lengths are filled in later", lengths_come_later},
           {"each limit holds, at its edge", limits_hold},
           {"handles have the message's descriptors, each once",
            handles_have_the_descriptors},
           {"every short message is judged within its bytes",
            all_short_messages_end})
