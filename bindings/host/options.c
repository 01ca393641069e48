/* SPDX-License-Identifier: MIT */
#include "bindings/host/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/lworker.h"

static const char usage[] =
    "Available options are:\n"
    "  -e stat   execute string 'stat'\n"
    "  -i        enter interactive mode after executing 'script'\n"
    "  -l mod    require library 'mod' into global 'mod'\n"
    "  -l g=mod  require library 'mod' into global 'g'\n"
    "  -v        show version information\n"
    "  -E        ignore environment variables\n"
    "  -W        turn warnings on\n"
    "  --        stop handling options\n"
    "  -         stop handling options and execute stdin\n";

void options_usage(const struct options *o) {
  const char *p = o->problem;
  int incomplete = p[1] == 'e' || p[1] == 'l';
  fprintf(stderr,
          incomplete ? "%s: '%s' needs argument\n"
                     : "%s: unrecognized option '%s'\n",
          o->program, p);
  fprintf(stderr, "usage: %s [options] [script [args]]\n%s", o->program, usage);
}

static void add(struct options *o, enum action_kind kind, const char *text) {
  o->actions[o->n++] = (struct action){kind, text};
}

/* -i -v -E -W: one letter, nothing behind it. 0 when it is another. */
static int read_flag(struct options *o, const char *arg) {
  if (arg[2] != '\0') return 0;
  switch (arg[1]) {
    case 'i': o->interactive = o->version = 1; return 1;
    case 'v': o->version = 1; return 1;
    case 'E': o->ignore_environment = 1; return 1;
    case 'W': add(o, WARN, NULL); return 1;
    default: return 0;
  }
}

/* -e and -l: the text in the same argument or in the next. How many arguments
 * it took, 0 when it is another option or lacks the text. */
static int read_action(struct options *o, int at) {
  const char *arg = o->argv[at];
  if (arg[1] != 'e' && arg[1] != 'l') return 0;
  enum action_kind kind = arg[1] == 'e' ? RUN_STRING : REQUIRE;
  if (arg[2] != '\0') {
    add(o, kind, arg + 2);
    return 1;
  }
  const char *next = o->argv[at + 1];
  if (!next || next[0] == '-') return 0;
  add(o, kind, next);
  return 2;
}

/* 1 when argv[at] is not an option: the script, or the end. */
static int is_script(const char *arg) {
  return !arg || arg[0] != '-' || arg[1] == '\0';
}

static void read_all(struct options *o) {
  int at = o->argc > 0 ? 1 : 0;
  while (!is_script(o->argv[at])) {
    if (strcmp(o->argv[at], "--") == 0) {
      at++;
      break;
    }
    int took = read_flag(o, o->argv[at]);
    if (!took) took = read_action(o, at);
    if (!took) {
      o->problem = o->argv[at];
      return;
    }
    at += took;
  }
  o->script = at;
}

/* As the first argument only: a script that has such a name is ./run. */
static int is_verb(const char *arg) {
  static const char *const verbs[] = {"run", "check", "plan", "--help"};
  for (size_t i = 0; arg && i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(arg, verbs[i]) == 0) return 1;
  return 0;
}

int options_read(struct options *o, int argc, char **argv) {
  *o = (struct options){.argc = argc, .argv = argv, .script = argc};
  o->program = argc > 0 && argv[0][0] ? argv[0] : "billiard";
  o->actions = calloc((size_t)argc + 1, sizeof *o->actions);
  if (!o->actions) return -1;
  o->control = bl_lworker_control(argc, argv);
  o->verb = argc > 1 && is_verb(argv[1]);
  if (!o->verb && o->control < 0) read_all(o);
  return 0;
}

void options_free(struct options *o) { free(o->actions); }
