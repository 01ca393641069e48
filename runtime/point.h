/* SPDX-License-Identifier: MIT */
/* Points inside critical sections where a test stops or kills the process.
 *
 * A program that is compiled with BL_KILL_POINTS defines bl_point(); in all
 * others a point is nothing. The model of the protocol (spec/model) has a step
 * of the same name for each, and tools/points.lua compares the two. */
#ifndef BILLIARD_POINT_H
#define BILLIARD_POINT_H

#ifdef BL_KILL_POINTS
void bl_point(const char *name);
#define BL_POINT(name) bl_point(#name)
#else
#define BL_POINT(name) ((void)0)
#endif

#endif
