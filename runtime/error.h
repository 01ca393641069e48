/* SPDX-License-Identifier: MIT */
/* Names and sentences for the negative error codes of base.h.
 * Both return static or thread-local text that the caller must not free. */
#ifndef BILLIARD_ERROR_H
#define BILLIARD_ERROR_H

#include "runtime/base.h"

/* "ENOENT", "timeout", ...; "EUNKNOWN" for a number nobody knows. */
BL_API const char *bl_error_name(int error);

/* "no such file or directory", "timeout", ...: starts in lower case. */
BL_API const char *bl_error_text(int error);

#endif
