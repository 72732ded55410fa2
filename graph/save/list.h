/* What is to be written to a file: tensors and notes, collected. */
#ifndef TL_SAVE_LIST_H
#define TL_SAVE_LIST_H

#include "lib/arena.h"
#include "safetensors.h"
#include "shape.h"

#include <stdarg.h>

/* {0} is an empty list. */
typedef struct tl_save_list {
    tl_safetensors file;
    int32_t capacity, note_capacity;
    tl_arena arena; /* of texts, sizes and arrays that live as long as the list */
    bool failed;    /* memory was short */
} tl_save_list;

/* Add a tensor, whose data are borrowed until the list is freed, and notes, under a name that is printed. */
void tl_save_tensor(tl_save_list *l, tl_safetensors_type type, tl_shape shape, const void *data,
                    const char *format, ...) TL_PRINTF(5, 6);
void tl_save_text(tl_save_list *l, const char *value, const char *format, ...) TL_PRINTF(3, 4);
void tl_save_integer(tl_save_list *l, int64_t value, const char *format, ...) TL_PRINTF(3, 4);
void tl_save_unsigned(tl_save_list *l, uint64_t value, const char *format, ...) TL_PRINTF(3, 4);
void tl_save_number(tl_save_list *l, double value, const char *format, ...) TL_PRINTF(3, 4);

/* Returns the text in memory of the arena, NULL if there is none. */
char *tl_arena_text(tl_arena *a, const char *format, ...) TL_PRINTF(2, 3);
char *tl_arena_vtext(tl_arena *a, const char *format, va_list args);

/* Writes all to a file: TL_ERR_MEMORY if memory was short on the way, otherwise as tl_safetensors_write. */
tl_status tl_save_list_write(const tl_save_list *l, const char *who, const char *path);
void tl_save_list_free(tl_save_list *l);

#endif
