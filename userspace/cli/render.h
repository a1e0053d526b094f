/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results for people. Programs take --json, which is the result itself.
 */
#ifndef ECSWITCH_RENDER_H
#define ECSWITCH_RENDER_H

#include <stdio.h>
#include <jansson.h>

/**
 * ecs_render - print the result of a method as text
 * @method: of docs/protocol.md
 * @result: borrowed; anything that is not as the protocol says prints as well as it can
 *
 * Return: 0; -ENOMEM.
 */
int ecs_render(FILE *out, const char *method, const json_t *result);

/** ecs_render_plan - what a dry run found, one sentence a line. */
void ecs_render_plan(FILE *out, const json_t *result);

/** ecs_render_event - one event on one line. */
void ecs_render_event(FILE *out, const json_t *event);

/** ecs_render_json - a result as it is, indented, and with a line end. */
void ecs_render_json(FILE *out, const json_t *result);

#endif
