/* An arena: many small allocations that end together. Blocks never move, so pointers into it stay good. */
#ifndef CLADE_BASE_ARENA_H
#define CLADE_BASE_ARENA_H

#include "base/context.h"

typedef struct clade_arena {
    clade_context *context;
    struct clade_arena_block *blocks; /* newest first */
} clade_arena;

/* Zeroed, aligned for any type; NULL when memory is short. */
void *clade_arena_allocate(clade_arena *arena, size_t count, size_t size);
void *clade_arena_copy(clade_arena *arena, const void *data, size_t bytes);
char *clade_arena_string(clade_arena *arena, const char *text);
char *clade_arena_format(clade_arena *arena, const char *format, ...) CLADE_PRINTF(2, 3);
/* Frees everything; the arena can be used again. */
void clade_arena_clear(clade_arena *arena);

#endif
