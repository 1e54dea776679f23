"""Own texts in ten languages and several scripts, with the marks and signs that texts have."""

# ruff: noqa: RUF001 (letters of other scripts)

TEXTS = (
    "The keeper's boats passed the lock at 12:30; don't forget the 1,500 tons of coal (ISO-9001:2015)!",
    "Die Schleusenwärter öffneten das Tor für 12.500,00 € am 7. April 2021, trotz Überflutung und Maßnahmen.",
    "L'écluse d'été est fermée aujourd'hui ; les bateaux attendaient déjà depuis l’aube, à côté du quai.",
    "La niña volvió al río mañana por la mañana; ¿cuántos barcos vivían aquí en 1998?",
    "O guarda abriu a comporta às três horas; não há navegação amanhã.",
    "Il guardiano aprì la chiusa perché l'acqua era già troppo alta, cioè più di 3 metri.",
    "Смотритель шлюза открыл ворота, и баржи с углём пошли вверх по реке 7 апреля 2021 года.",
    "Ο φύλακας άνοιξε την πύλη και τα πλοία πέρασαν από το κανάλι.",
    "Người gác cống mở cửa cho thuyền chở than đi qua kênh vào buổi sáng.",
    "水門の番人は船のために門を開けた。運河 2021年4月7日",
    "قام حارس البوابة بفتح القناة أمام السفن في الصباح الباكر",
    "नहर का द्वारपाल सुबह नावों के लिए फाटक खोलता है",
    "Istanbul’da İskele, Iğdır ve çağrı: kapıcılar gemileri geçirdi.",
    "max_in_flight maxInFlight HTTPServer E1045 HTTP429 10kg C# C++ .NET foo\\_bar a@b.org",
    "1.5 million, 12 500 km, 50% and $3",
)
