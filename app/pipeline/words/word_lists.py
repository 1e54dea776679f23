"""Words that carry no subject, by language: articles, prepositions, pronouns, auxiliaries, question words."""

# ruff: noqa: RUF001 (letters of other scripts)

LATIN = {
    "english": """
        a an the of and to in is was for that on with as by at from it its are be been being were am or not no this
        these
        those there here then than so if but about into over under between during before after above below up down out
        off again further once each few more most some such only own same too very just also both any all
        other another
        do does did doing has have had having can could should would will shall may might must i me my we us our
        ours you
        your yours he him his she her hers they them their theirs who whom whose which what when where why how
        many much
        often because until while through against upon within without via per et al etc don doesn didn isn aren wasn
        weren won t s ve ll re let ever yet nor neither either whether though although however""",
    "spanish": """
        el la los las lo de del a al en y e o u que con por para se su sus un una unos unas es son era eran fue fueron
        ser sido esta estan este estos estas ese esa eso esos esas aquel como mas pero si no ni le les me mi mis te tu
        tus nos nuestro ya muy sin sobre entre hasta desde donde cuando cuanto cuantos cuanta cuantas quien quienes
        cual cuales porque tambien otro otra otros otras hay ha han habia segun durante tras ante cada todo todos toda
        todas puede pueden tiene tienen hacer contra hubo haya habian tenia tenian tuvo tuvieron estaba estaban estuvo
        podia podian pudo debe deben algun alguna algunos algunas ella ellos ellas cuyo cuya cuyos cuyas""",
    "german": """
        der die das den dem des ein eine einen einem einer eines und oder aber in im ins an am auf aus bei beim mit
        nach von vom vor zu zum zur über unter durch für gegen ohne um bis seit zwischen ist sind war waren wird
        werden wurde wurden worden sein seine seinen seiner ihr ihre ihren ihrer hat haben hatte hatten kann können
        konnte muss müssen soll sollte darf nicht auch nur noch schon sehr so als wie dass daß ob wenn weil da es er
        sie wir ich du man sich mich mir dich dir uns euch ihm ihn dies diese dieser dieses diesem diesen jede jeder
        jedes alle wer wen wem was wo wann warum wieso wohin woher welche welcher welches welchem welchen wieviel viel
        viele mehr gibt während ab statt trotz wegen dabei damit dadurch davon dazu sowie etwa bereits konnten könnte
        könnten würde würden wäre wären habe hätte hätten sei seien dessen deren denen solche""",
    "french": """
        le la les l un une des du de d et ou où mais donc ni car que qu qui quoi dont ce cet cette ces ça c il elle
        ils elles on je j tu nous vous me m te t se s lui leur leurs son sa ses mon ma mes ton ta tes notre votre nos
        vos à au aux en dans par pour sur sous avec sans entre vers chez depuis pendant après avant est sont était
        étaient fut furent être été a ont avait avaient avoir ai es sera ne n pas plus moins très aussi comme si quand
        combien comment pourquoi quel quelle quels quelles lequel laquelle y tout tous toute toutes même peut peuvent
        fait lesquels lesquelles auquel auxquels auxquelles duquel desquels desquelles cela ceux celle celles celui
        aurait serait étant""",
    "italian": """
        il lo la i gli le l un uno una di a da in con su per tra fra del dello della dei degli delle al allo alla ai
        agli
        alle dal dallo dalla dai dagli dalle nel nello nella nei negli nelle sul sulla sui sulle col e ed o ma se
        che chi
        cui non né è sono era erano fu furono essere stato stata stati state ha hanno aveva avevano si ci vi
        ne mi ti io
        tu lui lei noi voi loro suo sua suoi sue mio mia questo questa questi queste quello quella quelli quelle come
        quando dove perché quale quali quanto quanti quanta quante cosa più anche molto dopo prima durante viene
        venne""",
    "portuguese": """
        o a os as um uma uns umas de do da dos das em no na nos nas ao aos à às por pelo pela pelos pelas para com sem
        sob sobre entre até desde e ou mas se que quem qual quais quanto quantos quanta quantas quando onde
        como porque
        porquê não nem é são era eram foi foram ser sido está estão este esta estes estas esse essa isso isto aquele
        aquela ele ela eles elas eu tu nós você vocês me te lhe seu sua seus suas meu minha mais muito também
        já só tem
        têm há havia pode podem após durante""",
    "dutch": """
        de het een en of maar van in op te ten ter aan bij met voor door uit over onder naar om tot tegen
        tussen zonder
        na is zijn was waren wordt worden werd werden geworden heeft hebben had hadden kan kunnen kon moet zal
        zou niet
        geen ook nog al wel er die dat dit deze der des ik je jij u hij zij ze we wij hem haar hun hen mijn uw
        ons onze
        als dan toen wie wat waar wanneer waarom hoe hoeveel welk welke veel meer""",
    "swedish": """
        och att det i en ett den de dem som på är av för med till om inte har hade var från vid under efter
        mellan utan
        eller men så när där här hur vad vem vilken vilket vilka varför vars blev blir bli blivit kan kunde ska skulle
        jag du han hon vi ni min din sin sitt sina hans hennes deras detta denna dessa också mer mycket många alla""",
    "danish": """
        og at det i en et den de dem som på er af for med til om ikke har havde var fra ved under efter mellem uden
        eller
        men så når der her hvor hvad hvem hvilken hvilket hvilke hvorfor hvis hvordan hvornår blev bliver blive kan
        kunne
        skal skulle jeg du han hun vi min din sin sit sine hans hendes deres dette denne disse også mere meget mange
        alle""",
    "norwegian": """
        og å det i en et ei den de dem som på er av for med til om ikke har hadde var fra ved under etter mellom uten
        eller men så når der her hvor hva hvem hvilken hvilket hvilke hvorfor hvordan ble blir bli blitt kan
        kunne skal
        skulle jeg du han hun vi min din sin sitt sine hans hennes deres dette denne disse også mer mye mange alle""",
    "icelandic": """
        og að í á er um við til sem það en af með var ekki fyrir eru hann hún þeir þau þetta hvað hver hvar hvenær
        hvernig
        af hverju frá eða ég þú vera verið hefur höfðu úr""",
    "finnish": """
        ja on ei se että oli ovat hän he ne tämä tuo nämä joka jotka jonka mikä mitä mitkä missä mistä mihin milloin
        miksi miten kuka ketkä kuinka monta paljon kun jos tai sekä mutta myös kuin olla ollut olivat ole sen
        sitä siitä
        siinä niiden hänen heidän minä sinä me te kanssa ennen jälkeen mukaan vain jo niin vielä""",
    "estonian": """
        ja on ei see et oli olid kes mis mida kus kuidas millal miks kui palju ka või aga ning tema nad ma sa me oma
        selle seda kuid siis mille pärast enne järel koos""",
    "hungarian": """
        a az és egy nem is hogy volt van vannak voltak meg de ha csak mint már még vagy ez ezek azok azt ezt aki akik
        amely amelyek ami mi mit ki kik kit hol mikor miért hogyan hány mennyi melyik milyen honnan hová által után
        között előtt alatt szerint ő ők én te mely lesz lett nagyon között sem el fel""",
    "polish": """
        i w we na z ze do że się nie jest są był była było byli być o od po za dla przez przy pod nad przed między bez
        ma jak ale lub albo oraz to ten ta te tym tego tej co kto kogo gdzie kiedy dlaczego jaki jaka jakie który która
        które którzy ile czy jego jej ich on ona ono oni ja ty my wy także już tylko również""",
    "czech": """
        a i v ve na z ze do že se si ne je jsou byl byla bylo byli být o od po za pro při pod nad před mezi
        bez jak ale
        nebo to ten ta tento tato toto co kdo kde kdy proč jaký jaká jaké který která které kteří kolik jeho
        její jejich
        on ona oni já ty my vy také již jen k ke s aby""",
    "slovak": """
        a i v vo na z zo do že sa si nie je sú bol bola bolo boli byť o od po za pre pri pod nad pred medzi
        bez ako ale
        alebo to ten tá tento táto toto čo kto kde kedy prečo aký aká aké ktorý ktorá ktoré ktorí koľko jeho jej ich
        tiež
        už len k ku s aby""",
    "croatian": """
        i u na je se da su za od do s sa o po iz kao ne ili ali što tko gdje kada kad zašto kako koji koja koje koliko
        bio bila bilo bili biti će njegov njihov ovaj ova ovo taj ta to pri nakon prije između također""",
    "slovenian": """
        in v na je se da so za od do s z o po iz kot ne ali pa kaj kdo kje kdaj zakaj kako kateri katera katero koliko
        bil bila bilo bili biti bo njegov njihov ta to pri tudi ki med pred""",
    "romanian": """
        și în de la a al ale ai cu pe din pentru că să nu este sunt era erau fost fi un o unei unui cel cea cei cele
        care ce cine unde când cum cât câți câte câtă cărei cărui căror prin sub peste după între fără dar sau dacă
        mai se își lui lor ei el ea ele eu tu noi voi acest această aceste acești ca au avea ar fiind printre către
        căreia căruia""",
    "turkish": """
        ve bir bu da de için ile ne çok daha en gibi kadar olan olarak olduğu oldu olur değil var yok ama veya ya ki
        mi mı mu mü o şu ben sen biz siz onlar onun bunun hangi nasıl neden niçin nerede nereye nereden kim kime kaç
        zaman hangisi nedir kimdir midir mıdır sonra önce göre tarafından arasında her ise dır dir neydi nelerdir
        kimdi neye neyi kimin kimi kimler kaçıncı hangileri hakkında olduğunu olması olmak etti edildi edilen""",
    "catalan": """
        el la els les l un una uns unes de del dels d a al als en amb per que qui què i o però no és són era
        eren va van
        fou ser estat com quan on per quin quina quins quines quant quants seu seva seus seves aquest aquesta aquests
        més molt també entre sense sobre fins des hi ha""",
    "basque": """
        eta da ez bat du dira zen ziren dute zuen zuten izan baina ere edo hau hori hura nor zer non noiz nola
        zergatik
        zein zenbat baino bere haren beste egin dago""",
    "irish": """
        an na agus i is ar ag le do go de a bhí tá sé sí siad ní cad cé cén cathain conas faoi ach nó ó mar seo sin""",
    "lithuanian": """
        ir yra buvo kad į iš su kaip bet ne ar tai šis ši jis ji jie kas kur kada kodėl kiek kuris kuri kurie
        koks kokia
        už per nuo iki prie apie po tarp dėl būti arba""",
    "latvian": """
        un ir bija ka no ar uz par kā bet ne vai tas šis viņš viņa viņi kas kur kad kāpēc cik kurš kura kuri kāds kāda
        pie līdz pēc starp būt""",
    "albanian": """
        dhe në e të i për me nga një është janë ishte që si kur ku kush çfarë pse sa cili cila por ose nuk ka u""",
    "esperanto": """
        la kaj de en estas estis al ne ke por kun per pri el sed aŭ kiu kio kie kiam kial kiel kiom mi vi li ŝi ili
        ĝi""",
    "indonesian": """
        yang dan di ke dari untuk dengan pada adalah ini itu tidak bukan dalam oleh sebagai akan telah sudah
        karena juga
        atau tetapi apa siapa mana dimana kapan mengapa kenapa bagaimana berapa ada bisa dapat ia dia mereka saya kami
        kita anda para sebuah seorang oleh antara setelah sebelum""",
    "vietnamese": """
        và của là có được cho các những trong một với không này đó khi từ để đã như người ra vào cũng ở tại bởi về do
        gì ai nào đâu sao bao nhiêu thế tại vì mà thì nhưng hay hoặc đến bị rằng""",
    "swahili": """
        na ya wa kwa ni katika za la cha vya si kuwa hii hiyo huo yake wake nini nani wapi lini gani kwamba pia""",
}
"""Languages in Latin letters."""

OTHER_SCRIPTS = {
    "greek": """
        ο η το οι τα του της των τον την τους τις και να σε στο στη στην στον στα στις στους με για από που πώς πως
        ότι δεν δε μη είναι ήταν έχει έχουν είχε είχαν θα ένα ένας μια μία ως ή αλλά αν όταν πού ποιος ποια ποιο ποιοι
        ποιες ποιον τι γιατί πόσο πόσα πόσοι πόσες πότε αυτό αυτή αυτός αυτά αυτές αυτών μας σας κατά μετά πριν μεταξύ
        προς χωρίς ποιου ποιας ποιων ποιους οποίο οποία οποίος οποίοι οποίες οποίου οποίας οποίων""",
    "russian": """
        и в во не на с со что по как это из к ко у за от о об для его её их он она они оно мы вы я ты но или а же бы
        был была было были быть есть при под над перед между без до после так также то тот эта этот эти когда где куда
        откуда почему зачем кто кого кем чем чему какой какая какие какое каких который которая которые сколько чей ли
        если уже только себя какого какому каким какую каком какими чего чём ком кому этого этой этому этим этих этом
        того той тому тем тех том своего своей своих свой свою которое которого которой которых которым которую чтобы
        можно может могут мог могла является являются через против всего ему ей им них него неё ней ними нее ее""",
    "ukrainian": """
        і й та в у на не з із зі що по як це до від за про для його її їх він вона вони ми ви я ти але або а ж би був
        була було були бути є при під над перед між без після також той ця цей ці коли де куди звідки чому хто
        кого який
        яка які яке скільки чий чи якщо вже лише""",
    "bulgarian": """
        и в във на не с със че по как това от за до да се е са беше бяха бил била било които който която което
        какво кой
        коя кога къде защо колко но или при под над между без след също този тази тези той тя те ние вие аз""",
    "serbian": """
        и у на је се да су за од до с са о по из као не или али шта што ко где када кад зашто како који која
        које колико
        био била било били бити ће његов њихов овај ова ово тај та то при након пре између такође""",
    "arabic": """
        في من على إلى عن مع أن إن كان كانت هذا هذه ذلك تلك التي الذي الذين ما ماذا متى أين كيف لماذا كم هل أي أية هو
        هي هم لا لم لن قد و أو ثم بعد قبل بين عند حتى كل غير بعض كما وقد ومن وفي إذا لكن ليس خلال حول الى او اين اي""",
    "persian": """
        در به از که این آن را با است برای بود و یا تا بر هم چه چرا کجا کی کدام چگونه چند شد شده می های ها یک او آنها
        ایشان نیز اما اگر باید کرد کرده هر خود بین پس""",
    "urdu": """
        کے کی کا میں سے اور ہے ہیں کو نے پر یہ وہ تھا تھے تھی کہ کیا کون کہاں کب کیوں کیسے کتنے کتنا ایک اس ان جو نہیں
        بھی تو گیا کر ہو لیے""",
    "hebrew": """
        של את על הוא היא הם הן לא כי אם או גם זה זו זאת אלה אשר מה מי איפה היכן מתי למה מדוע איך כיצד כמה איזה איזו
        אילו עם היה היתה הייתה היו יש אין אל בין כל רק אבל לפי אחרי לפני ידי אני אתה אנחנו""",
    "yiddish": """
        דער די דאָס און איז אין פֿון פון צו מיט אַז ניט נישט וואָס ווער וואו ווען פארוואס ווי ער זי מיר איר אויף""",
    "hindi": """
        के का की में है हैं से को और पर ने यह वह था थे थी एक कि जो नहीं भी तो लिए कर इस उस इन ही हो गया क्या कौन कहाँ
        कहां कब क्यों कैसे कितने कितना कितनी किस किसने किसे किन किसका किसकी जब तक साथ या बाद द्वारा अपने किया किए करने
        करना करते करता करती हुआ हुई हुए जाता जाती जाते किसके किसको किसमें गए गई दिया दी वाले वाली वाला जा रहा रहे रही
        सकता सकते सकती होता होती होते सा सी होने उनके उनकी उसके उसकी इसके इसकी बारे कुछ""",
    "nepali": """
        को मा ले र छ छन् यो त्यो थियो थिए हो लाई बाट पनि भने गर्न गरेको के कहाँ कहिले किन कसरी कति कुन एक तर वा
        हुन्""",
    "marathi": """
        आहे आणि या हे ते तो ती च्या चा ची आहेत होता होते होती काय कोण कुठे केव्हा का कसे किती कोणत्या एक पण किंवा
        नाही""",
    "bengali": "এবং ও এই সেই একটি করে হয় ছিল না কি কী কে কোথায় কখন কেন কিভাবে কত কোন থেকে জন্য সঙ্গে তার যে হয়েছে",
    "armenian": """
        և եւ է են էր էին որ մեջ համար հետ ի այս այն մի ինչ ով որտեղ երբ ինչու ինչպես քանի թե կամ բայց իր նրա չի""",
    "tamil": """
        மற்றும் ஒரு இந்த அந்த என்று என்ன யார் எங்கே எப்போது ஏன் எப்படி எத்தனை எந்த உள்ள இருந்து அல்லது ஆனால் அவர்
        இது அது""",
    "georgian": "და არის რომ იყო ამ ეს ის რა ვინ სად როდის რატომ როგორ რამდენი რომელი მისი ან მაგრამ არ",
}
"""Languages in other scripts with spaces."""

PAIRS = """
    什么 是什 么是 多少 哪里 哪个 哪些 哪一 哪位 哪种 怎么 怎样 如何 为什 这个 那个 有多 谁是 是谁 何时 在哪
        什麼 是什 麼是 哪裡 怎麼 為什
    です すか どこ いつ だれ 誰が どの なぜ ます した どれ どう 何で 何が ますか ました でした とは のは には
    무엇 엇인 인가 가요 니까 습니 어디 언제 누구 왜요 어떤 어떻 얼마 입니 는가 나요 했습
"""
"""Pairs of characters of question words and endings in Chinese, Japanese and Korean."""

ALSO_SUBJECTS = """
    die sin but men son war hat man bin fin per van art car main dig bio once few let may might will can more
        over under
    down out off own even
"""
"""Function words of one language that name a subject in another, such as "die" and "sin" in English."""

ABBREVIATIONS = "e.g i.e z.b d.h u.a p.ej p.ex d.w.z t.ex f.eks bl.a m.a т.е т.д т.п π.χ δηλ"
"""Abbreviations of phrases without a subject, folded and without their last full stop."""
