// What a detector needs of a C library, and no more: there is no operating system to ask.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Where the linker ends the data. Memory is handed out from there on and never taken back: each call has an instance of its own.
extern unsigned char __heap_base;
static uintptr_t next;

enum { PAGE = 65536, ALIGNMENT = 16 };

void *malloc(size_t size) {
    if (next == 0) next = (uintptr_t)&__heap_base;
    // The size stands before each block, for realloc.
    uintptr_t block = (next + sizeof(size_t) + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    uintptr_t end = block + size;
    uintptr_t has = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end < block) return NULL;
    if (end > has && __builtin_wasm_memory_grow(0, (end - has + PAGE - 1) / PAGE) == (size_t)-1) return NULL;
    ((size_t *)block)[-1] = size;
    next = end;
    return (void *)block;
}

void *realloc(void *block, size_t size) {
    size_t old = block ? ((size_t *)block)[-1] : 0;
    if (block && size <= old) return block;
    void *moved = malloc(size);
    if (moved && block) memcpy(moved, block, old);
    return moved;
}

void free(void *block) { (void)block; }

_Noreturn void abort(void) { __builtin_trap(); }

void *memcpy(void *to, const void *from, size_t size) {
    for (size_t i = 0; i < size; i++) ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    if (to <= from) return memcpy(to, from, size);
    while (size-- > 0) ((unsigned char *)to)[size] = ((const unsigned char *)from)[size];
    return to;
}

void *memset(void *to, int byte, size_t size) {
    for (size_t i = 0; i < size; i++) ((unsigned char *)to)[i] = (unsigned char)byte;
    return to;
}

int memcmp(const void *one, const void *other, size_t size) {
    const unsigned char *a = one, *b = other;
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i]) return a[i] - b[i];
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}
