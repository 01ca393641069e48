/* SPDX-License-Identifier: MIT */
/* The command line, read before anything runs. */
#ifndef BILLIARD_HOST_OPTIONS_H
#define BILLIARD_HOST_OPTIONS_H

enum action_kind { RUN_STRING, REQUIRE, WARN };

/* What -e, -l and -W ask for, in the order of the command line. */
struct action {
  enum action_kind kind;
  const char *text;
};

struct options {
  int argc;
  char **argv;
  const char *program; /* for messages */
  struct action *actions;
  int n;
  int script; /* index in argv, argc where there is none */
  int verb;   /* argv[1] is one: run, check, plan, --help; all else is its */
  int control; /* this is a child, and that its socket (lworker.h); else -1 */
  int interactive, version, ignore_environment;
  const char *problem; /* the argument that makes no sense, or null */
};

/* Reads argv; the struct keeps pointers into it. -1 when out of memory. */
int options_read(struct options *o, int argc, char **argv);
void options_free(struct options *o);

/* Says on stderr what is wrong with o->problem, and what would be right. */
void options_usage(const struct options *o);

#endif
