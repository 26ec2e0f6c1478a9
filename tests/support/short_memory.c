/* The refusing allocator. */
#include "support/short_memory.h"

#include <stdlib.h>

static void *reallocate(void *user, void *pointer, size_t size) {
    short_memory *memory = user;
    if (size == 0) {
        if (pointer) memory->alive--;
        free(pointer);
        return NULL;
    }
    if (size > memory->largest) memory->largest = size;
    if (memory->refuse_at > 0 && --memory->refuse_at == 0) {
        memory->refused = true;
        return NULL;
    }
    void *result = realloc(pointer, size);
    if (result && !pointer) memory->alive++;
    return result;
}

clade_context *short_memory_context(short_memory *memory) {
    *memory = (short_memory){ 0 };
    return clade_context_new(
        &(clade_context_options){ .size = sizeof(clade_context_options), .reallocate = reallocate, .user = memory });
}
