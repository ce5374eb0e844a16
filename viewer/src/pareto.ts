/** Which of several points are beaten by none. */

/** Places of the points that no other is at least as good as in both, lower being better. */
export function front(points: { x: number; y: number }[]): number[] {
  const order = points
    .map((_, place) => place)
    .filter((place) => Number.isFinite(points[place]!.x) && Number.isFinite(points[place]!.y))
    .sort((a, b) => points[a]!.x - points[b]!.x || points[a]!.y - points[b]!.y);
  let best = Infinity;
  return order.filter((place) => {
    const better = points[place]!.y < best;
    if (better) best = points[place]!.y;
    return better;
  });
}
