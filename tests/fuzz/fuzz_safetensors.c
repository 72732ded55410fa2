/* Safetensors files. */
#include "tests/fuzz/tensors.h"

const char *const tl_fuzz_words[] = { "\"dtype\":\"F64\"",
                                      "\"dtype\":\"U8\"",
                                      "\"shape\":[",
                                      "\"data_offsets\":[",
                                      "[0,0]",
                                      "\"__metadata__\":{",
                                      "},",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      ",",
                                      "\"",
                                      "\\u0000",
                                      NULL };

static void check_equal(const tl_safetensors *a, const tl_safetensors *b)
{
    FUZZ_CHECK(a->n == b->n && a->n_notes == b->n_notes);
    for (int32_t k = 0; k < a->n; k++) {
        const tl_safetensor *x = &a->tensor[k];
        const int32_t other = tl_safetensors_find(b, x->name);
        FUZZ_CHECK(other >= 0);
        const tl_safetensor *y = &b->tensor[other];
        FUZZ_CHECK(x->type == y->type && x->rank == y->rank && x->size == y->size);
        FUZZ_CHECK(memcmp(x->data, y->data, (size_t)(x->size * tl_safetensors_type_size(x->type))) == 0);
    }
}

/* What was read is written, unless a name cannot be, and read again the same. */
tl_status tl_fuzz_read(const char *path, const char *copy)
{
    tl_safetensors a, b;
    const tl_status status = tl_safetensors_read(path, &a);
    if (status != TL_OK)
        return status;
    for (int32_t k = 0; k < a.n; k++)
        for (int64_t i = 0; i < a.tensor[k].size; i++)
            (void)tl_safetensors_get(&a.tensor[k], i);
    tl_status again = tl_safetensors_write(copy, &a);
    if (again == TL_OK) {
        again = tl_safetensors_read(copy, &b);
        if (again == TL_OK)
            check_equal(&a, &b);
        FUZZ_CHECK(again == TL_OK || again == TL_ERR_MEMORY);
        tl_safetensors_free(&b);
    }
    FUZZ_CHECK(again == TL_OK || again == TL_ERR_MEMORY || again == TL_ERR_ARGUMENT);
    tl_safetensors_free(&a);
    return TL_OK;
}

bool tl_fuzz_seed(int k, const char *path)
{
    static const char *const headers[] = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
        "\"b\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[16,24]}}",
        "{\"__metadata__\":{\"format\":\"pt\"},\"x\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]"
        "},"
        "\"y\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[6,7]}}   ",
    };
    static const size_t bytes[] = { 24, 7 };
    return k < 2 && tl_fuzz_put_tensors(path, headers[k], "these are tensors' bytes", bytes[k]);
}
