/* Arena allocation: blocks of at least BLOCK_BYTES, cut from the front. A request that does not fit the newest block
 * opens another; a large one gets a block of its own behind the newest, so that the newest's room stays in use. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024, LARGE_BYTES = BLOCK_BYTES / 4 };

struct clade_arena_block {
    struct clade_arena_block *older;
    size_t used, capacity;
    alignas(max_align_t) unsigned char bytes[];
};

static struct clade_arena_block *block_new(clade_arena *arena, size_t capacity) {
    if (capacity > SIZE_MAX - sizeof(struct clade_arena_block)) return NULL;
    struct clade_arena_block *block = clade_allocate(arena->context, 1, sizeof *block + capacity);
    if (!block) return NULL;
    block->capacity = capacity;
    struct clade_arena_block *newest = arena->blocks;
    if (newest && capacity != BLOCK_BYTES) {
        block->older = newest->older;
        newest->older = block;
    } else {
        block->older = newest;
        arena->blocks = block;
    }
    return block;
}

void *clade_arena_allocate(clade_arena *arena, size_t count, size_t size) {
    const size_t alignment = alignof(max_align_t);
    if (size != 0 && count > (SIZE_MAX - alignment) / size) return NULL;
    size_t bytes = (count * size + alignment - 1) / alignment * alignment;
    if (bytes == 0) bytes = alignment;
    struct clade_arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < bytes) {
        block = block_new(arena, bytes > LARGE_BYTES ? bytes : BLOCK_BYTES);
        if (!block) return NULL;
    }
    void *result = block->bytes + block->used;
    block->used += bytes;
    return result;
}

void *clade_arena_copy(clade_arena *arena, const void *data, size_t bytes) {
    void *copy = clade_arena_allocate(arena, bytes, 1);
    if (copy && bytes > 0) memcpy(copy, data, bytes);
    return copy;
}

char *clade_arena_string(clade_arena *arena, const char *text) {
    return clade_arena_copy(arena, text, strlen(text) + 1);
}

char *clade_arena_format(clade_arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return NULL;
    char *text = clade_arena_allocate(arena, (size_t)length + 1, 1);
    if (!text) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void clade_arena_clear(clade_arena *arena) {
    struct clade_arena_block *block = arena->blocks;
    while (block) {
        struct clade_arena_block *older = block->older;
        clade_free(arena->context, block);
        block = older;
    }
    arena->blocks = NULL;
}
