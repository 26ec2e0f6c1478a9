/* Whether a device computes at all: integers, floats, and local memory behind a barrier.
 * local_copy has an entry for each item of a group. out[i] is a function of i and of the mirrored item of the group. */
__kernel void probe(__global uint *out, __local uint *local_copy, float scale)
{
    const uint i = (uint)get_global_id(0);
    const uint l = (uint)get_local_id(0);
    const uint size = (uint)get_local_size(0);
    uint h = i * 2654435761u;
    h ^= h >> 15;
    local_copy[l] = h;
    barrier(CLK_LOCAL_MEM_FENCE);
    const float x = fma((float)(i & 1023u), scale, 0.5f);
    out[i] = local_copy[size - 1u - l] + convert_uint_rtz(x);
}
